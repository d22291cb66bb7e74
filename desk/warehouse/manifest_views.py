"""Manifests: create, print and hand over."""

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from common import clock
from common.errors import KeydeskError
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.shipments.models import LabelPurchase, Manifest, Shipment
from fulfillment.warehouse import selectors
from fulfillment.warehouse.services import manifests
from inventory.models import Warehouse


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.PACK)
def hand_over_page(request: HttpRequest) -> HttpResponse:
    """Show sealed parcels by carrier and warehouse, and open manifests with their actions."""
    refusal = ""
    if request.method == "POST":
        try:
            messages.success(request, _do(request))
            return HttpResponseRedirect(reverse("desk:hand_over"))
        except KeydeskError as error:
            refusal = str(error)
    waiting = selectors.work_waiting()
    context = {"waiting": waiting, "refusal": refusal}
    return desk_page(request, "desk/warehouse/hand_over.html", context, status=409 if refusal else 200)


def _do(request: HttpRequest) -> str:
    sent, actor, now = request.POST, staff_actor(request), clock.now()
    if label := sent.get("take_off", "").strip():
        manifest = manifests.remove_from_manifest(label=label, actor=actor, now=now)
        return f"The parcel was removed from manifest {manifest.code}. You can add it to another."
    if code := sent.get("gone", ""):
        parcels = manifests.hand_over_manifest(code=code, actor=actor, now=now)
        return f"Manifest {code}: the carrier has {parcels} parcels."
    door = Warehouse.objects.filter(code=sent.get("warehouse", "")).first()
    made = manifests.make_manifest(carrier=sent.get("carrier", ""), actor=actor, now=now, warehouse=door)
    left_out = "".join(f" Left out: {one.parcel}, {one.why}." for one in made.left_out[:5])
    return f"Manifest {made.manifest.code} has {made.parcels} parcels.{left_out}"


@never_cache
@require_safe
@allowed(Action.PACK)
def manifest(request: HttpRequest, code: str) -> HttpResponse:
    """The document of a manifest: the carrier's form, or our list to sign."""
    found = Manifest.objects.select_related("warehouse").filter(code=code).first()
    if found is None:
        raise Http404("Manifest not found.")
    if found.form:
        answer = HttpResponse(bytes(found.form), content_type="application/pdf")
        answer["Content-Disposition"] = f'inline; filename="{code}.pdf"'
        return answer
    parcels = (
        Shipment.objects.filter(manifest=found)
        .order_by("created_at", "pk")
        .prefetch_related(Prefetch("purchases", LabelPurchase.objects.outbound()))
    )
    return desk_page(request, "desk/warehouse/manifest.html", {"manifest": found, "parcels": parcels})
