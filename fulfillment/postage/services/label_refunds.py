"""Refunds of unused labels: request them, and settle them when the vendor answers days later."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim
from fulfillment.claims.services.shipment_callbacks import ACTOR
from fulfillment.postage.rules.refunds import (
    ASK_AGAIN_AFTER,
    GRANTED,
    IN_GOOD_TIME,
    WINDOWS,
    may_ask_again,
    refund_due_at,
)
from fulfillment.postage.services import purchase_transitions
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.errors import LabelNotRefundable
from fulfillment.shipments.models import LabelPurchase, ParcelCharge, Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.shipments.rules.tracking import is_scan
from fulfillment.shipments.services.cases import open_case
from fulfillment.shipments.services.split_shipments import release_split_label
from inventory.rules import Account, Reason
from inventory.services.movements import move

_P = PurchaseState


def request_refund(*, purchase_id: UUID | str, gateway: CarrierGateway, now: datetime) -> str:
    """Request the refund of a label whose parcel has not left; returns the refund's status.

    Raises: LabelNotRefundable: no bought label; parcel left or on a manifest; or the return was posted.
            GatewayError: the request is recorded, and `check_refunds` retries it.
    Locks:  the rows of purchase and parcel, in the order in which manifests lock them.
    """
    with transaction.atomic(durable=True):
        purchase = (
            # Not its manifest: a joined row that is not locked is read as it was before the wait.
            LabelPurchase.objects.select_related("shipment")
            .select_for_update(of=("self", "shipment"), no_key=True)
            .get(pk=purchase_id)
        )
        shipment = purchase.shipment
        if purchase.state != _P.BOUGHT or not _is_unused(purchase):
            raise LabelNotRefundable(shipment.code)
        if shipment.manifest is not None and not purchase.is_return:
            raise LabelNotRefundable(shipment.code, manifest=shipment.manifest.code)
        purchase.state, purchase.refund_attempts, purchase.checked_at = _P.REFUND_REQUESTED, 1, now
        purchase.save(update_fields=["state", "refund_attempts", "checked_at"])
    assert purchase.vendor_shipment_id, "a bought label has the vendor's id"
    status = gateway.request_refund(purchase.vendor_shipment_id)
    settle_refund(purchase=purchase, status=status, now=now)
    return status


def write_label_off(*, claim: Claim, shipment_id: int, now: datetime) -> LabelPurchase:
    """Write off the label of a parcel that has not left, without a refund.

    Runs in the caller's transaction, which holds the claim's lock. The parcel is unpacked as after a refund,
    and its claim can be changed, cancelled or sent again.

    Raises: LabelNotRefundable: no bought label, or the parcel has left or is on a manifest.
    Locks:  the rows of purchase and parcel.
    """
    purchase = (
        LabelPurchase.objects.outbound()
        .select_related("shipment")
        .select_for_update(of=("self", "shipment"), no_key=True)
        .filter(shipment=shipment_id, state=_P.BOUGHT)
        .first()
    )
    if purchase is None or not _is_unused(purchase):
        raise LabelNotRefundable(Shipment.objects.get(pk=shipment_id).code)
    shipment = purchase.shipment
    if shipment.manifest is not None:
        raise LabelNotRefundable(shipment.code, manifest=shipment.manifest.code)
    purchase.state = _P.WRITTEN_OFF
    purchase.save(update_fields=["state"])
    _unpack(shipment, claim, now=now)
    return purchase


def _is_unused(purchase: LabelPurchase) -> bool:
    """Whether no scan of the label by a carrier is known."""
    if purchase.is_return:
        words = purchase.tracking_updates.values_list("status", flat=True)
        return purchase.shipment.state != ShipmentState.BACK and not any(map(is_scan, words))
    return purchase.shipment.state == ShipmentState.LABELLED and purchase.shipment.handed_over_at is None


def refund_unused(*, gateway: CarrierGateway, now: datetime) -> int:
    """Request refunds of unused labels before their window closes; returns how many.

    The parcels get new labels. Each refund opens a case, because staff should know why a parcel waited for
    weeks or why keys were not returned.
    """
    here = Q(is_return=False, shipment__state=ShipmentState.LABELLED)
    given = Q(is_return=True) & ~Q(shipment__state=ShipmentState.BACK)
    idle = LabelPurchase.objects.select_related("shipment").filter(here | given, state=_P.BOUGHT)
    asked = 0
    for purchase in idle.filter(bought_at__lte=now - min(WINDOWS.values()) + IN_GOOD_TIME):
        assert purchase.bought_at is not None
        # A label whose refund was rejected before is a known loss and has its case.
        if purchase.refund_attempts or not _is_unused(purchase):
            continue
        if now < refund_due_at(carrier=purchase.carrier, bought_at=purchase.bought_at):
            continue
        reason = CaseReason.NO_RETURN if purchase.is_return else CaseReason.SILENT
        open_case(shipment=purchase.shipment, reason=reason, detail="label never used", now=now)
        try:
            request_refund(purchase_id=purchase.pk, gateway=gateway, now=now)
        except (GatewayError, LabelNotRefundable) as error:
            purchase_transitions.logger.warning("refund of unused purchase %s: %s", purchase.pk, error.code)
        asked += 1
    return asked


def check_refunds(*, gateway: CarrierGateway, now: datetime) -> int:
    """Check every pending refund, because no webhook reports a rejection; returns how many were checked."""
    due = LabelPurchase.objects.select_related("shipment").filter(
        Q(checked_at__isnull=True) | Q(checked_at__lte=now - ASK_AGAIN_AFTER), state=_P.REFUND_REQUESTED
    )
    purchases = list(due)
    for purchase in purchases:
        assert purchase.vendor_shipment_id, "a bought label has the vendor's id"
        LabelPurchase.objects.filter(pk=purchase.pk).update(checked_at=now)
        try:
            status = gateway.retrieve(purchase.vendor_shipment_id).refund
            if status is None:
                # The vendor never received the request.
                status = gateway.request_refund(purchase.vendor_shipment_id)
            elif status not in GRANTED and status != "submitted" and _may_ask_again(purchase, now=now):
                status = _ask_once_more(purchase, gateway=gateway)
        except GatewayError as error:
            purchase_transitions.logger.warning("refund of purchase %s: %s", purchase.pk, error.code)
            continue
        settle_refund(purchase=purchase, status=status, now=now)
    return len(purchases)


def _ask_once_more(purchase: LabelPurchase, *, gateway: CarrierGateway) -> str:
    """Repeat a rejected request; counted before the call, so that a crash cannot bypass the limit."""
    assert purchase.vendor_shipment_id
    LabelPurchase.objects.filter(pk=purchase.pk).update(refund_attempts=F("refund_attempts") + 1)
    purchase.refund_attempts += 1
    return gateway.request_refund(purchase.vendor_shipment_id)


def _may_ask_again(purchase: LabelPurchase, *, now: datetime) -> bool:
    assert purchase.bought_at is not None
    return may_ask_again(
        carrier=purchase.carrier,
        bought_at=purchase.bought_at,
        requests=purchase.refund_attempts,
        is_unscanned=_is_unused(purchase),
        now=now,
    )


def settle_refund(*, purchase: LabelPurchase, status: str, now: datetime) -> None:
    """Record the vendor's status of a refund. `submitted` is not final.

    A rejection is final only when repeating cannot help; until then the request is repeated daily.

    After commit: a refunded parcel is unpacked, and its claim can be changed, cancelled or sent again. A
    return label is simply removed.
    """
    if status == "submitted" or (status not in GRANTED and _may_ask_again(purchase, now=now)):
        return
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=purchase.shipment.claim_id)
        mine = LabelPurchase.objects.filter(pk=purchase.pk, state=_P.REFUND_REQUESTED)
        if status not in GRANTED:
            if mine.update(state=_P.BOUGHT):
                detail = f"{status}, {purchase.cost_cents} cents lost"
                open_case(
                    shipment=purchase.shipment, reason=CaseReason.REFUND_REFUSED, detail=detail, now=now
                )
            return
        if mine.update(state=_P.REFUNDED):
            _book(purchase, now=now)
            if purchase.is_return:
                return
            _unpack(purchase.shipment, claim, now=now)


def _book(purchase: LabelPurchase, *, now: datetime) -> None:
    """Record the refunded postage; insurance and the vendor's fee are not refunded."""
    if purchase.rate_cents:
        ParcelCharge.objects.create(
            purchase=purchase,
            kind=ParcelCharge.Kind.LABEL_REFUND,
            cents=-purchase.rate_cents,
            currency=purchase.currency,
            actor=ACTOR,
            recorded_at=now,
        )


def _unpack(shipment: Shipment, claim: Claim, *, now: datetime) -> None:
    """Unpack the parcel, unless a carrier has scanned it meanwhile."""
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
    release_split_label(claim, shipment, now=now)
