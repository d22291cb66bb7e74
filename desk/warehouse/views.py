"""Warehouse pages: scanning, and parcel documents."""

from typing import Any

from django import forms
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common import clock
from common.errors import KeydeskError
from common.public_ids import new_code
from desk.layout import desk_page
from desk.models import Station, StationStep
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from desk.warehouse import packing, picking, receiving_and_counts, returns
from desk.warehouse.scan_sessions import last_outcome, put_in_hand, station_of, work_scan
from desk.warehouse.scan_workflow import Scanned, ScanStep
from fulfillment.documents.parcel_documents import Sheet
from fulfillment.postage.services.printing import codes_of_list, print_parcels
from fulfillment.shipments.models import Shipment
from fulfillment.warehouse import selectors
from inventory.models import KeyModel
from inventory.rules import is_reference

STEPS: dict[StationStep, ScanStep] = {
    StationStep.RECEIVE: receiving_and_counts.RECEIVE,
    StationStep.PUT_AWAY: receiving_and_counts.PUT_AWAY,
    StationStep.PICK: picking.PICK,
    StationStep.PACK: packing.PACK,
    StationStep.COUNT: receiving_and_counts.COUNT,
    StationStep.TAKE_BACK: returns.TAKE_BACK,
}


class DeliveryForm(forms.Form):
    """Form for a delivery, before its first scan."""

    sku = forms.ModelChoiceField(
        KeyModel.objects.order_by("sku"), to_field_name="sku", label="Key model", empty_label="Choose one"
    )
    lot_reference = forms.CharField(max_length=80, label="Lot", help_text="As shown on the delivery note.")
    purchase_order = forms.CharField(max_length=80, required=False)
    supplier = forms.CharField(max_length=120, required=False)
    firmware = forms.CharField(max_length=40, required=False)
    expected_quantity = forms.IntegerField(
        min_value=1, max_value=1_000_000, required=False, label="Keys on the delivery note"
    )

    def clean_lot_reference(self) -> str:
        reference = str(self.cleaned_data["lot_reference"])
        if not is_reference(reference):
            raise forms.ValidationError(
                "Use letters, digits, spaces and . _ : / # -, beginning with a letter or digit."
            )
        return reference


@never_cache
@require_safe
@allowed(Action.SEE_DESK)
def warehouse_home(request: HttpRequest) -> HttpResponse:
    """List the warehouse steps with their open work."""
    return desk_page(
        request, "desk/warehouse/home.html", {"waiting": selectors.work_waiting(), "steps": StationStep}
    )


def _step_page(step: StationStep) -> Any:
    @never_cache
    @require_safe
    @allowed(STEPS[step].action)
    def page(request: HttpRequest) -> HttpResponse:
        station = station_of(step=step, actor=staff_actor(request))
        station.hand = STEPS[step].refresh(station.hand)
        return desk_page(request, "desk/warehouse/step.html", _context(request, station))

    return page


def _scan_view(step: StationStep) -> Any:
    @never_cache
    @require_POST
    @allowed(STEPS[step].action)
    def scan(request: HttpRequest) -> HttpResponse:
        """Process a scan. Scripts get JSON, forms are redirected to the step.

        Fields: `scan` or `command`, the text; `key`, the scan's idempotency key; `shown`, the item on the
        sender's screen, omitted for queued scans.
        """
        sent = request.POST
        scanned = Scanned(
            key=sent.get("key", "")[:80] or new_code("scan"),
            text=sent.get("command") or sent.get("scan", ""),
            actor=staff_actor(request),
            now=clock.now(),
        )
        station = work_scan(scanned, step=step, scan_step=STEPS[step], shown=sent.get("shown"))
        if "application/json" not in request.headers.get("Accept", ""):
            return HttpResponseRedirect(reverse(f"desk:{step}"))
        context = _context(request, station)
        outcome = last_outcome(station)
        is_good = outcome is not None and outcome.is_good
        answer = {
            "is_good": is_good,
            "due": context["due"],
            "shown": context["shown"],
            "panel": render_to_string(_panel(step), context, request),
        }
        return JsonResponse(answer, status=200 if is_good else 422)

    return scan


def _context(request: HttpRequest, station: Station) -> dict[str, object]:
    step = StationStep(station.step)
    scan_step = STEPS[step]
    return {
        "step": step,
        "station": station,
        "hand": station.hand,
        "outcome": last_outcome(station),
        "due": scan_step.due(station.hand),
        "shown": scan_step.name(station.hand),
        "key": new_code("scan"),
        "panel": _panel(step),
        "actor": staff_actor(request),
        **_beside(step, station),
    }


def _panel(step: StationStep) -> str:
    return f"desk/warehouse/{step}.html"


def _beside(step: StationStep, station: Station) -> dict[str, object]:
    """Additional context of a step."""
    if step is StationStep.PICK and station.hand:
        return {"picked": [line for line in station.hand["lines"] if line["is_done"]]}
    if station.hand:
        return {}
    if step is StationStep.PICK:
        return {"to_pick": selectors.to_pick()}
    if step is StationStep.RECEIVE:
        return {"form": DeliveryForm()}
    return {}


PAGES = {step: _step_page(step) for step in StationStep}
SCANS = {step: _scan_view(step) for step in StationStep}


@never_cache
@require_POST
@allowed(Action.KEEP_STOCK)
def begin_delivery(request: HttpRequest) -> HttpResponse:
    """Start the receipt of a delivery."""
    actor = staff_actor(request)
    form = DeliveryForm(request.POST)
    if not form.is_valid():
        context = _context(request, Station(step=StationStep.RECEIVE, actor=actor))
        return desk_page(request, "desk/warehouse/step.html", context | {"form": form}, status=422)
    lot = {name: value for name, value in form.cleaned_data.items() if value not in ("", None)}
    lot["sku"] = lot["sku"].sku
    put_in_hand(
        step=StationStep.RECEIVE,
        actor=actor,
        hand={"lot": lot, "tray": []},
        text=f"Lot {lot['lot_reference']} of {lot['sku']}. Scan the keys.",
        now=clock.now(),
    )
    return HttpResponseRedirect(reverse("desk:receive"))


@never_cache
@require_POST
@allowed(Action.PACK)
def print_documents(request: HttpRequest, code: str) -> HttpResponseBase:
    """Parcel documents of a parcel or a whole pick list, for printing.

    It is a POST because it opens labels, which show the address: each opening is logged.
    """
    sheet = Sheet.A4 if request.POST.get("sheet") == Sheet.A4 else Sheet.LABEL
    codes = codes_of_list(code) if code.startswith("P-") else [code]
    if not codes or not Shipment.objects.filter(code__in=codes).exists():
        raise Http404("Parcel or list not found.")
    try:
        pdf = print_parcels(parcels=codes, sheet=sheet, actor=staff_actor(request), now=clock.now())
    except KeydeskError as refusal:
        return desk_page(request, "desk/warehouse/no_papers.html", {"refusal": str(refusal)}, status=409)
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{code}.pdf"'
    return answer
