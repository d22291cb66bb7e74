"""Recovery: resolve purchases that got no answer (docs/vendors.md § 4.5).

A row in `buying` with an expired lease belongs to a worker that died or got no answer. The lease is one
settle interval long and serves as the timer: check, wait another interval, check again, and only then buy
again, on the same vendor shipment.
"""

import logging
from datetime import datetime
from uuid import UUID

from fulfillment.postage.rules.purchases import (
    GIVE_UP_AFTER,
    Recovery,
    after_an_empty_look,
    settle_interval,
)
from fulfillment.postage.services import purchase_transitions, purchasing
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState

logger = logging.getLogger("keydesk.shipping")


def unresolved_purchases(*, now: datetime) -> list[UUID]:
    """Purchases to resolve now, oldest first."""
    rows = LabelPurchase.objects.filter(state=PurchaseState.BUYING, lease_until__lte=now)
    return list(rows.order_by("lease_until", "pk").values_list("pk", flat=True))


def resolve_purchases(*, gateway: CarrierGateway, worker: str, now: datetime) -> int:
    """Take each unknown purchase one step further; returns how many there were."""
    purchase_ids = unresolved_purchases(now=now)
    for purchase_id in purchase_ids:
        try:
            resolve_purchase(purchase_id=purchase_id, gateway=gateway, worker=worker, now=now)
        except GatewayError as error:
            # The vendor is busy or down; the next purchase will find out.
            logger.warning("purchase %s stays in doubt: %s", purchase_id, error.code)
    return len(purchase_ids)


def resolve_purchase(
    *, purchase_id: UUID | str, gateway: CarrierGateway, worker: str, now: datetime
) -> PurchaseState:
    """Take one unknown purchase one step further: adopt the label, wait, buy again or open a case.

    Locks: none; taking the lease decides which of two workers continues.
    """
    purchase = LabelPurchase.objects.select_related("shipment__claim").get(pk=purchase_id)
    if _take(purchase, gateway=gateway, worker=worker, now=now):
        _find_out(purchase, gateway=gateway, worker=worker, now=now)
        purchase.refresh_from_db()
    return PurchaseState(purchase.state)


def _take(purchase: LabelPurchase, *, gateway: CarrierGateway, worker: str, now: datetime) -> bool:
    """Take over the expired lease; of two workers one updates no row."""
    return bool(
        LabelPurchase.objects.filter(
            pk=purchase.pk,
            state=PurchaseState.BUYING,
            lease_until__lte=now,
            buy_attempts=purchase.buy_attempts,
        ).update(lease_owner=worker, lease_until=now + settle_interval(gateway.timeout))
    )


def _find_out(purchase: LabelPurchase, *, gateway: CarrierGateway, worker: str, now: datetime) -> None:
    assert purchase.buy_started_at is not None
    mine = LabelPurchase.objects.filter(
        pk=purchase.pk, state=PurchaseState.BUYING, buy_attempts=purchase.buy_attempts
    )
    try:
        if purchase_transitions.adopt_label(purchase, gateway=gateway, now=now):
            return
    except GatewayError as error:
        purchase_transitions.note_error(purchase, error.code)
        if now - purchase.buy_started_at >= GIVE_UP_AFTER:
            purchase_transitions.need_operator(
                purchase, detail=f"vendor gives no answer: {error.code}", now=now
            )
        else:
            mine.update(lease_until=now)
        return
    step = after_an_empty_look(
        attempts=purchase.buy_attempts,
        buy_started_at=purchase.buy_started_at,
        looked_at=purchase.checked_at,
        settle=settle_interval(gateway.timeout),
        now=now,
    )
    match step:
        case Recovery.LOOK_AGAIN:
            mine.update(checked_at=purchase.checked_at or now)
        case Recovery.BUY_AGAIN:
            purchasing.buy_with_lease(purchase, gateway=gateway, worker=worker, now=now)
        case Recovery.GIVE_UP:
            detail = f"{purchase.buy_attempts} attempts, last answer {purchase.last_error or 'none'}"
            purchase_transitions.need_operator(purchase, detail=detail, now=now)
