"""Units that come free go to the first in line."""

from datetime import datetime

from django.db import transaction

from config.jobs import defer
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.history import step
from fulfillment.claims.services.paying import is_free, payment_due_at, state_once_reserved
from fulfillment.claims.services.submission import SHIP_CLAIM, announce, offered_models, wanted_by
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from inventory.errors import InsufficientStock
from inventory.services.reservations import lock_shortage, reserve

PROMOTE = "claims.promote_waitlist"
ACTOR = "system:waitlist"


def promote_waitlist(*, campaign_id: int, now: datetime) -> int:
    """Accept waiting claims, first come first, until one cannot be filled; how many were accepted."""
    promoted = 0
    while _promote_first(campaign_id=campaign_id, now=now):
        promoted += 1
    return promoted


@transaction.atomic
def _promote_first(*, campaign_id: int, now: datetime) -> bool:
    """Locks: stock shortage (so that nobody joins the line unseen), then the first claim, then units."""
    lock_shortage()
    claim = (
        Claim.objects.waitlist()
        .filter(campaign_id=campaign_id)
        .select_for_update(no_key=True, skip_locked=True)
    ).first()
    if claim is None:
        return False
    wanted = wanted_by(claim)
    try:
        among = offered_models(claim.campaign).values()
        reserve(holder=claim.code, wanted=wanted, actor=ACTOR, now=now, among=among)
    except InsufficientStock:
        return False
    state = state_once_reserved(is_free=is_free(claim))
    step(
        claim,
        to=state,
        name=ClaimEvent.Name(state),
        actor=ACTOR,
        now=now,
        from_states={ClaimState.WAITLISTED},
        waitlisted_at=None,
        payment_due_at=payment_due_at(state, now),
    )
    if state == ClaimState.AWAITING_PAYMENT:
        announce(claim, quantity=sum(item.quantity for item in wanted), now=now)
        return True
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.PROMOTED,
        claim_code=claim.code,
        context={"quantity": sum(item.quantity for item in wanted)},
        now=now,
    )
    defer(SHIP_CLAIM, claim_id=claim.pk)
    return True
