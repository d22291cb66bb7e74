"""Shipments and manifests, for a warehouse's own software."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Path, Query, Router
from ninja.responses import Status
from pydantic import AwareDatetime

from api.authentication import bearer_token
from api.paging import Cursor, Limit, decode_cursor, decode_time, paginate
from api.responses import answers, needs
from api.shipments.schemas import ManifestCreatedOut, ManifestIn, ManifestOut, ShipmentListOut, ShipmentOut
from api.shipments.serializers import (
    current_label,
    manifest_with_shipments,
    select_shipments,
    serialize_created_manifest,
    serialize_manifest,
    serialize_shipment,
    shipment_with_parts,
)
from common import clock
from common.errors import BadRequest, FieldError
from fulfillment.postage import gateways
from fulfillment.postage.services.label_refunds import request_refund
from fulfillment.postage.services.shipment_planning import request_label
from fulfillment.shipments.errors import UnknownShipment
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.warehouse.services.manifests import make_manifest
from inventory.models import Warehouse

router = Router(tags=["shipping"])
manifests = Router(tags=["shipping"])

ShipmentCode = Annotated[str, Path(pattern=r"^S-[0-9A-Z]{12}$")]
ManifestCode = Annotated[str, Path(pattern=r"^M-[0-9A-Z]{12}$")]


@router.get(
    "",
    response=answers(ShipmentListOut),
    summary="List shipments, in order of last change",
    url_name="list_shipments",
    **needs("shipping:read"),
)
def get_shipments(  # noqa: PLR0917 - django-ninja reads them by name
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    updated_since: Annotated[
        AwareDatetime | None, Query(None, description="Only shipments changed then or later.")
    ],
    state: Annotated[ShipmentState | None, Query(None, description="Only shipments in this state.")],
    claim: Annotated[
        str | None, Query(None, pattern=r"^C-[0-9A-Z]{12}$", description="Only shipments of this claim.")
    ],
) -> ShipmentListOut:
    """To follow changes, pass the newest `updated_at` seen so far; a changed shipment is listed again."""
    shipments = Shipment.objects.order_by("updated_at", "code")
    if updated_since:
        shipments = shipments.filter(updated_at__gte=updated_since)
    if state:
        shipments = shipments.filter(state=state)
    if claim:
        shipments = shipments.filter(claim__code=claim)
    if cursor:
        moment, code = decode_cursor(cursor, parts=2)
        shipments = _after_cursor(shipments, decode_time(moment), code)
    shown, following = paginate(
        list(select_shipments(shipments)[: limit + 1]),
        limit=limit,
        cursor_of=lambda shipment: (shipment.updated_at.isoformat(), shipment.code),
    )
    return ShipmentListOut(items=[serialize_shipment(shipment) for shipment in shown], next=following)


@router.get("/{code}", response=answers(ShipmentOut), summary="Get a shipment", **needs("shipping:read"))
def get_shipment(request: HttpRequest, code: ShipmentCode) -> ShipmentOut:
    return serialize_shipment(shipment_with_parts(code))


@router.post(
    "/{code}/buy",
    response=answers(ShipmentOut),
    summary="Buy a shipment's label",
    url_name="buy",
    **needs("shipping:write"),
)
def post_label_purchase(request: HttpRequest, code: ShipmentCode) -> ShipmentOut:
    """A worker buys the label within seconds; get the shipment to see it.

    Labels are normally bought without this call; use it after a case is settled. A shipment with a label
    stays as it is. If the shipment or its claim is cancelled: 409 `not_to_label`.
    """
    shipment_with_parts(code)
    request_label(code=code, now=clock.now())
    return serialize_shipment(shipment_with_parts(code))


@router.post(
    "/{code}/refund",
    response=answers(ShipmentOut),
    summary="Refund a label",
    url_name="refund",
    **needs("shipping:write"),
)
def post_label_refund(request: HttpRequest, code: ShipmentCode) -> ShipmentOut:
    """Possible until the carrier has the shipment, otherwise 409 `not_refundable`.

    Carriers take weeks to decide.
    """
    shipment = shipment_with_parts(code)
    purchase = current_label(shipment)
    if purchase is not None and purchase.state == PurchaseState.REFUND_REQUESTED:
        return serialize_shipment(shipment)
    request_refund(
        purchase_id=purchase.pk if purchase else _newest_purchase_id(shipment),
        gateway=gateways.carrier_gateway(),
        now=clock.now(),
    )
    return serialize_shipment(shipment_with_parts(code))


@manifests.post(
    "",
    response=answers(ManifestCreatedOut, status=201),
    summary="Hand sealed shipments over to a carrier",
    **needs("shipping:write"),
)
def create_manifest(
    request: HttpRequest, response: HttpResponse, manifest: ManifestIn
) -> Status[ManifestCreatedOut]:
    """Shipments that cannot be included are listed in `left_out`; if none can, 409 `nothing_to_hand_over`.

    If the carrier makes a scan form, the manifest starts as `planned` and soon becomes `ready`.
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
    return Status(201, serialize_created_manifest(manifest_with_shipments(made.manifest.code), made.left_out))


@manifests.get("/{code}", response=answers(ManifestOut), summary="Get a manifest", **needs("shipping:read"))
def get_manifest(request: HttpRequest, code: ManifestCode) -> ManifestOut:
    return serialize_manifest(manifest_with_shipments(code))


def _after_cursor(shipments: QuerySet[Shipment], moment: datetime, code: str) -> QuerySet[Shipment]:
    """The shipments after a cursor, in order of last change."""
    return shipments.filter(updated_at__gte=moment).exclude(updated_at=moment, code__lte=code)


def _newest_purchase_id(shipment: Shipment) -> UUID:
    """The purchase to refuse a refund for. Raises: UnknownShipment: there is none."""
    newest = shipment.purchases.outbound().order_by("-generation").values_list("pk", flat=True).first()
    if newest is None:
        raise UnknownShipment(shipment.code)
    return newest


def _warehouse(code: str | None) -> Warehouse | None:
    if code is None:
        return None
    found = Warehouse.objects.filter(code=code).first()
    if found is None:
        raise BadRequest([FieldError("warehouse", "unknown_warehouse", "No warehouse has this code.")])
    return found
