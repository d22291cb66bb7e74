"""Ask for the money of an unused label back, and hear days later what came of it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from fulfillment.claims.models import Claim
from fulfillment.claims.services.progress import ACTOR
from fulfillment.shipping.errors import NotRefundable
from fulfillment.shipping.gateways.base import CarrierGateway, GatewayError
from fulfillment.shipping.models import LabelPurchase, Shipment
from fulfillment.shipping.rules.cases import CaseReason
from fulfillment.shipping.rules.states import PurchaseState, ShipmentState
from fulfillment.shipping.services import outcomes
from fulfillment.shipping.services.cases import open_case
from fulfillment.shipping.services.siblings import give_up_label
from inventory.rules import Account, Reason
from inventory.services.movements import move

_P = PurchaseState
ASK_AGAIN_AFTER = timedelta(hours=24)
# `not_applicable`: the carrier bills on the first scan, so an unused label costs nothing.
_GRANTED = frozenset({"refunded", "not_applicable"})


def request_refund(*, purchase_id: UUID | str, gateway: CarrierGateway, now: datetime) -> str:
    """Ask for the money of a label back whose parcel is still here; the refund's status.

    Raises: NotRefundable: no bought label, or its parcel has left.
            GatewayError: the request is on record, and `check_refunds` asks again.
    Locks:  none held; the conditional update says who asks.
    """
    asked = LabelPurchase.objects.filter(
        pk=purchase_id, state=_P.BOUGHT, shipment__state=ShipmentState.LABELLED
    ).update(state=_P.REFUND_REQUESTED, checked_at=now)
    purchase = LabelPurchase.objects.select_related("shipment").get(pk=purchase_id)
    if not asked:
        raise NotRefundable(purchase.shipment.code)
    assert purchase.vendor_shipment_id, "a bought label has the vendor's id"
    status = gateway.request_refund(purchase.vendor_shipment_id)
    settle(purchase=purchase, status=status, now=now)
    return status


def check_refunds(*, gateway: CarrierGateway, now: datetime) -> int:
    """Ask after every refund under way; no event tells of a rejected one. How many were asked about."""
    due = LabelPurchase.objects.select_related("shipment").filter(
        Q(checked_at__isnull=True) | Q(checked_at__lte=now - ASK_AGAIN_AFTER), state=_P.REFUND_REQUESTED
    )
    purchases = list(due)
    for purchase in purchases:
        assert purchase.vendor_shipment_id, "a bought label has the vendor's id"
        LabelPurchase.objects.filter(pk=purchase.pk).update(checked_at=now)
        try:
            status = gateway.retrieve(purchase.vendor_shipment_id).refund
            # No status means that the vendor never got the request.
            status = status or gateway.request_refund(purchase.vendor_shipment_id)
        except GatewayError as error:
            outcomes.logger.warning("refund of purchase %s: %s", purchase.pk, error.code)
            continue
        settle(purchase=purchase, status=status, now=now)
    return len(purchases)


def settle(*, purchase: LabelPurchase, status: str, now: datetime) -> None:
    """Write down what the vendor says of a refund. `submitted` says nothing yet.

    After commit: a refunded parcel is unpacked, and its claim can be changed, cancelled or sent again.
    """
    if status == "submitted":
        return
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=purchase.shipment.claim_id)
        mine = LabelPurchase.objects.filter(pk=purchase.pk, state=_P.REFUND_REQUESTED)
        if status not in _GRANTED:
            if mine.update(state=_P.BOUGHT):
                open_case(
                    shipment=purchase.shipment, reason=CaseReason.REFUND_REFUSED, detail=status, now=now
                )
            return
        if mine.update(state=_P.REFUNDED):
            _unpack(purchase.shipment, claim, now=now)


def _unpack(shipment: Shipment, claim: Claim, *, now: datetime) -> None:
    """The parcel stays here. One that was scanned meanwhile is the carrier's, refund or not."""
    cancelled = Shipment.objects.filter(pk=shipment.pk, state=ShipmentState.LABELLED).update(
        state=ShipmentState.CANCELLED, pick_list=None, updated_at=now
    )
    if not cancelled:
        open_case(
            shipment=shipment, reason=CaseReason.DELIVERY_PROBLEM, detail="refunded, yet scanned", now=now
        )
        return
    units = list(shipment.units.filter(account=Account.PACKED, held_for=claim.code))
    shipment.contents.update(picked_at=None, picked_by="", packed_at=None, packed_by="")
    move(units=units, to_account=Account.RESERVED, reason=Reason.UNPACK, actor=ACTOR, now=now)
    give_up_label(claim, shipment, now=now)
