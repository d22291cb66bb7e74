"""Parcels and hand-overs, for a warehouse's own programs."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router
from ninja.responses import Status
from pydantic import AwareDatetime

from api.authentication import bearer_token
from api.paging import Cursor, Limit, decode_cursor, decode_time, paginate
from api.responses import answers, needs
from api.schemas import ManifestIn, ManifestMadeOut, ManifestOut, ShipmentListOut, ShipmentOut
from common import clock
from common.errors import BadRequest, FieldError
from fulfillment.cases.models import Case
from fulfillment.postage import gateways
from fulfillment.postage.services.label_refunds import request_refund
from fulfillment.postage.services.shipment_planning import request_label
from fulfillment.shipments.errors import UnknownManifest, UnknownShipment
from fulfillment.shipments.models import LabelPurchase, Manifest, Shipment
from fulfillment.shipments.rules.states import LABEL_STATES, ShipmentState
from fulfillment.warehouse.services.manifests import make_manifest
from inventory.models import Warehouse

router = Router(tags=["shipping"])
manifests = Router(tags=["shipping"])

ShipmentCode = Annotated[str, Path(pattern=r"^S-[0-9A-Z]{12}$")]
ManifestCode = Annotated[str, Path(pattern=r"^M-[0-9A-Z]{12}$")]


@router.get(
    "",
    response=answers(ShipmentListOut),
    summary="Parcels, in the order they changed",
    **needs("shipping:read"),
)
def get_shipments(  # noqa: PLR0917 - django-ninja reads them by name
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    updated_since: Annotated[
        AwareDatetime | None, Query(None, description="Only parcels that changed then or later.")
    ],
    state: Annotated[ShipmentState | None, Query(None, description="Only parcels in this state.")],
    claim: Annotated[str | None, Query(None, pattern=r"^C-[0-9A-Z]{12}$", description="Of this claim only.")],
) -> dict[str, Any]:
    """Keep the newest `updated_at` you have seen and ask again with it: a parcel that changes comes again."""
    parcels = Shipment.objects.order_by("updated_at", "code")
    if updated_since:
        parcels = parcels.filter(updated_at__gte=updated_since)
    if state:
        parcels = parcels.filter(state=state)
    if claim:
        parcels = parcels.filter(claim__code=claim)
    if cursor:
        moment, code = decode_cursor(cursor, parts=2)
        parcels = _behind(parcels, decode_time(moment), code)
    shown, following = paginate(
        list(_with_parts(parcels)[: limit + 1]),
        limit=limit,
        cursor_of=lambda parcel: (parcel.updated_at.isoformat(), parcel.code),
    )
    return {"items": [_document(parcel) for parcel in shown], "next": following}


@router.get("/{code}", response=answers(ShipmentOut), summary="One parcel", **needs("shipping:read"))
def get_shipment(request: HttpRequest, code: ShipmentCode) -> dict[str, Any]:
    return _document(_existing(code))


@router.post(
    "/{code}/buy", response=answers(ShipmentOut), summary="Buy a parcel's label", **needs("shipping:write")
)
def buy_shipment_label(request: HttpRequest, code: ShipmentCode) -> dict[str, Any]:
    """Has the label bought by a worker, within seconds; ask for the parcel to see it.

    Labels are bought without this. It is for one whose case is settled. A parcel that has its label stays as
    it is; one that is cancelled or whose claim is: 409 `not_to_label`.
    """
    _existing(code)
    request_label(code=code, now=clock.now())
    return _document(_existing(code))


@router.post(
    "/{code}/refund",
    response=answers(ShipmentOut),
    summary="Ask for the money of a label back",
    **needs("shipping:write"),
)
def refund_shipment_label(request: HttpRequest, code: ShipmentCode) -> dict[str, Any]:
    """Allowed until the carrier has the parcel, else 409 `not_refundable`. Carriers take weeks to answer."""
    parcel = _existing(code)
    purchase = _label_of(parcel)
    if purchase is not None and purchase.state == "refund_requested":
        return _document(parcel)
    request_refund(
        purchase_id=purchase.pk if purchase else _newest_of(parcel),
        gateway=gateways.carrier_gateway(),
        now=clock.now(),
    )
    return _document(_existing(code))


@manifests.post(
    "",
    response=answers(ManifestMadeOut, status=201),
    summary="Hand sealed parcels over to a carrier",
    **needs("shipping:write"),
)
def create_manifest(
    request: HttpRequest, response: HttpResponse, manifest: ManifestIn
) -> Status[dict[str, Any]]:
    """Parcels that cannot be on it are named in `left_out`; if none can, 409 `nothing_to_hand_over`.

    Where the carrier makes a form of it, the manifest is `planned` and soon `ready`.
    """
    made = make_manifest(
        carrier=manifest.carrier,
        warehouse=_warehouse(manifest.warehouse),
        parcels=manifest.shipments,
        with_form=manifest.with_form,
        actor=bearer_token(request).actor,
        now=clock.now(),
    )
    response.headers["Location"] = reverse("api-v1:get_manifest", args=[made.manifest.code])
    document = _manifest_document(_manifest(made.manifest.code))
    document["left_out"] = [
        {"shipment": one.parcel, "code": one.code, "why": one.why} for one in made.left_out
    ]
    return Status(201, document)


@manifests.get("/{code}", response=answers(ManifestOut), summary="One manifest", **needs("shipping:read"))
def get_manifest(request: HttpRequest, code: ManifestCode) -> dict[str, Any]:
    return _manifest_document(_manifest(code))


def _behind(parcels: QuerySet[Shipment], moment: datetime, code: str) -> QuerySet[Shipment]:
    """The parcels behind a place in the order of change."""
    return parcels.filter(updated_at__gte=moment).exclude(updated_at=moment, code__lte=code)


def _with_parts(parcels: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Read all that the documents of these parcels need, in a fixed number of queries."""
    return (
        parcels.select_related("claim", "manifest", "warehouse")
        .defer("manifest__form")
        .annotate(keys=Count("contents"))
        .prefetch_related(
            Prefetch(
                "purchases",
                queryset=LabelPurchase.objects.outbound().filter(state__in=sorted(LABEL_STATES)),
                to_attr="labels",
            ),
            Prefetch(
                "cases",
                queryset=Case.objects.filter(closed_at=None).order_by("opened_at"),
                to_attr="open_cases",
            ),
        )
    )


def _existing(code: str) -> Any:
    found = _with_parts(Shipment.objects.filter(code=code)).first()
    if found is None:
        raise UnknownShipment(code)
    return found


def _document(parcel: Any) -> dict[str, Any]:
    label = parcel.labels[0] if parcel.labels else None
    return {
        "code": parcel.code,
        "claim": parcel.claim.code,
        "number": parcel.number,
        "state": parcel.state,
        "keys": parcel.keys,
        "country": parcel.claim.country,
        "warehouse": parcel.warehouse.code if parcel.warehouse else None,
        "label": None
        if label is None
        else {
            "carrier": label.carrier,
            "service": label.service,
            "tracking_code": label.tracking_code,
            "cost": {"amount": label.cost_cents, "currency": label.currency},
            "bought_at": label.bought_at,
            "refund": "requested" if label.state == "refund_requested" else None,
        },
        "sealed_at": parcel.sealed_at,
        "manifest": parcel.manifest.code if parcel.manifest else None,
        "handed_over_at": parcel.handed_over_at,
        "open_cases": [
            {"code": case.code, "reason": case.reason, "due_at": case.due_at} for case in parcel.open_cases
        ],
        "created_at": parcel.created_at,
        "updated_at": parcel.updated_at,
    }


def _label_of(parcel: Any) -> LabelPurchase | None:
    return parcel.labels[0] if parcel.labels else None


def _newest_of(parcel: Shipment) -> Any:
    """Any purchase will do for the refusal; a parcel without one is refused here."""
    newest = parcel.purchases.outbound().order_by("-generation").values_list("pk", flat=True).first()
    if newest is None:
        raise UnknownShipment(parcel.code)
    return newest


def _warehouse(code: str | None) -> Warehouse | None:
    if code is None:
        return None
    found = Warehouse.objects.filter(code=code).first()
    if found is None:
        raise BadRequest([FieldError("warehouse", "unknown_warehouse", "There is no such warehouse.")])
    return found


def _manifest(code: str) -> Any:
    found = (
        Manifest.objects.filter(Q(code=code))
        .select_related("warehouse")
        .defer("form")
        .prefetch_related(
            Prefetch("shipments", queryset=Shipment.objects.only("code", "manifest").order_by("pk"))
        )
        .first()
    )
    if found is None:
        raise UnknownManifest(code)
    return found


def _manifest_document(manifest: Any) -> dict[str, Any]:
    return {
        "code": manifest.code,
        "carrier": manifest.carrier,
        "warehouse": manifest.warehouse.code if manifest.warehouse else None,
        "state": manifest.state,
        "has_form": manifest.has_form,
        "shipments": [parcel.code for parcel in manifest.shipments.all()],
        "created_at": manifest.created_at,
        "handed_over_at": manifest.handed_over_at,
    }
