"""Buy a label exactly once (docs/vendors.md § 4): each step is committed before the next vendor call.

    planned ─ create the vendor's shipment ─→ created ─ lease, then buy ─→ bought
                                                          └ no clear answer: still buying → recovery.py

EasyPost has no idempotency key. A label is bought once because a vendor shipment holds one label, and
because nothing is bought on a second shipment while the outcome of the first is unknown.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from common.prepared_queries import prepared
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.postage.rules.purchases import (
    MAX_ATTEMPTS,
    PurchaseAnswer,
    case_for,
    read_answer,
    settle_interval,
)
from fulfillment.postage.services import purchase_transitions
from fulfillment.postage.services.circuit_breaker import end_pauses, pause_for
from fulfillment.postage.services.rating import as_fields, choose_again, create_and_rate
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.models import BuyingPause, LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState
from fulfillment.shipments.services.cases import open_case

_P = PurchaseState
# Condition on a purchase's row: its claim is on hold.
_IS_HELD = """
    EXISTS (SELECT FROM shipping_shipment JOIN claims_claim ON claims_claim.id = claim_id
            WHERE shipping_shipment.id = shipment_id AND held_at IS NOT NULL)
"""


def buy_label(
    *, purchase_id: UUID | str, gateway: CarrierGateway, worker: str, now: datetime
) -> PurchaseState:
    """Process a planned or created purchase; returns its state afterwards.

    Args:   worker: name of the lease's holder, shown to staff.
    Raises: GatewayError: nothing was bought, and the job can be retried.
    Locks:  none; conditional updates decide which of two workers continues.
    """
    (purchase,) = _purchases(purchase_id=purchase_id)
    if purchase.mode != gateway.mode:
        open_case(
            shipment=purchase.shipment, reason=CaseReason.PURCHASE_REFUSED, detail="MODE.CONFLICT", now=now
        )
        return _P(purchase.state)
    pauses = list(BuyingPause.objects.all())
    if any(pause.until > now for pause in pauses):
        # No vendor call; the periodic job retries it after the pause.
        return _P(purchase.state)
    # Steps keep `purchase` up to date; the row is read again only when another worker changed it.
    if purchase.state == _P.PLANNED and not create_and_rate(
        purchase, gateway=gateway, worker=worker, now=now
    ):
        purchase.refresh_from_db()
    if purchase.state == _P.CREATED and not buy_with_lease(purchase, gateway=gateway, worker=worker, now=now):
        purchase.refresh_from_db()
    if pauses and purchase.state == _P.BOUGHT:
        end_pauses()
    return _P(purchase.state)


@prepared
def _purchases(*, purchase_id: UUID | str) -> QuerySet[LabelPurchase]:
    return LabelPurchase.objects.select_related("shipment__claim", "shipment__warehouse").filter(
        pk=purchase_id
    )


def buy_with_lease(purchase: LabelPurchase, *, gateway: CarrierGateway, worker: str, now: datetime) -> bool:
    """Buy on the vendor shipment of a purchase that is created, or buying and twice confirmed as not bought.

    Returns: whether the label was bought; then `purchase` has it, otherwise the row has the outcome.
    Raises:  GatewayError: nothing was bought, and the job can be retried.
    """
    for _ in range(MAX_ATTEMPTS):
        if not _start_attempt(purchase, gateway=gateway, worker=worker, now=now):
            if purchase.state == _P.BUYING:
                # No label for a claim on hold; confirmed as not bought, the purchase can be retired.
                purchase_transitions.make_ready(purchase, only_if=_IS_HELD)
            return False
        assert purchase.vendor_shipment_id, "the vendor's id is stored before the purchase"
        try:
            label = gateway.buy(
                purchase.vendor_shipment_id, purchase.rate_id, insured_cents=purchase.insured_cents
            )
        except GatewayError as error:
            if not _after_refusal(purchase, error, gateway=gateway, now=now):
                return False
        else:
            return purchase_transitions.record_bought(purchase, label=label, now=now)
    return False


def _start_attempt(purchase: LabelPurchase, *, gateway: CarrierGateway, worker: str, now: datetime) -> bool:
    """Commit the start of an attempt unless the claim is on hold; of two workers one updates no row."""
    return purchase_transitions.update_if(
        purchase,
        # Buy only what was read.
        if_still={
            "state": purchase.state,
            "buy_attempts": purchase.buy_attempts,
            "rate_id": purchase.rate_id,
        },
        only_if=f"NOT {_IS_HELD}",
        state=_P.BUYING,
        buy_attempts=purchase.buy_attempts + 1,
        buy_started_at=now,
        checked_at=None,
        lease_owner=worker,
        lease_until=now + settle_interval(gateway.timeout),
    )


def _after_refusal(
    purchase: LabelPurchase, error: GatewayError, *, gateway: CarrierGateway, now: datetime
) -> bool:
    """Handle an answer other than a label; returns whether to buy again at once at a new rate.

    A refusal is definite only after the vendor, asked again, shows no label.
    """
    purchase_transitions.note_error(purchase, error.code)
    answer = read_answer(error.code, error.status)
    if answer is PurchaseAnswer.UNKNOWN:
        return False
    try:
        if purchase_transitions.adopt_label(purchase, gateway=gateway, now=now):
            return False
    except GatewayError:
        return False
    match answer:
        case PurchaseAnswer.STALE_RATE:
            return _rate_again(purchase, gateway=gateway, now=now)
        case PurchaseAnswer.REFUSED:
            purchase_transitions.fail(purchase, case=case_for(error.code), detail=error.code, now=now)
        case PurchaseAnswer.REFUSED_US:
            purchase_transitions.make_ready(purchase)
            pause_for(error, now=now)
        case PurchaseAnswer.LATER:
            pause_for(error, now=now)
            if purchase_transitions.make_ready(purchase):
                raise error
    return False


def _rate_again(purchase: LabelPurchase, *, gateway: CarrierGateway, now: datetime) -> bool:
    """Choose a new rate on the same vendor shipment; the same service if it is still under the cap."""
    assert purchase.vendor_shipment_id
    try:
        offered = gateway.rerate(purchase.vendor_shipment_id)
    except GatewayError as error:
        purchase_transitions.make_ready(purchase)
        pause_for(error, now=now)
        raise
    choice = choose_again(purchase, offered, now=now)
    if choice.rate is None:
        assert choice.case is not None
        purchase_transitions.fail(purchase, case=choice.case, detail=choice.why, now=now)
        return False
    return purchase_transitions.make_ready(purchase, **as_fields(choice))
