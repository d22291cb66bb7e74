"""Units that come free go to the first in line."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Min

from config.jobs import defer
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState, competes
from fulfillment.claims.services.history import step
from fulfillment.claims.services.paying import is_free, payment_due_at, state_once_reserved
from fulfillment.claims.services.submission import SHIP_CLAIM, announce, offered_models, wanted_by
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from inventory.errors import InsufficientStock
from inventory.rules import Wanted
from inventory.services.reservations import lock_shortage, reserve

ACTOR = "system:waitlist"


def serve_waitlists(*, now: datetime) -> int:
    """Promote in every campaign that somebody waits in, the longest wait first; how many were accepted."""
    waiting = Claim.objects.filter(state=ClaimState.WAITLISTED).values("campaign_id")
    longest_first = waiting.annotate(since=Min("waitlisted_at")).order_by("since", "campaign_id")
    return sum(
        promote_waitlist(campaign_id=campaign_id, now=now)
        for campaign_id in list(longest_first.values_list("campaign_id", flat=True))
    )


def promote_waitlist(*, campaign_id: int, now: datetime) -> int:
    """Accept waiting claims, first come first; how many were accepted.

    A claim that cannot be filled keeps back all after it that want the same keys, and no others: who waits
    for a model we have none of does not hold up those who want another.
    """
    promoted = 0
    while _promote_next(campaign_id=campaign_id, now=now):
        promoted += 1
    return promoted


@transaction.atomic
def _promote_next(*, campaign_id: int, now: datetime) -> bool:
    """Locks: stock shortage (so that nobody joins the line unseen), then claims in line, then units."""
    lock_shortage()
    spoken_for: set[int | None] = set()
    line = Claim.objects.waitlist().filter(campaign_id=campaign_id).prefetch_related("items")
    for claim in line.iterator(chunk_size=100):
        wanted = wanted_by(claim)
        models = {item.key_model_id for item in wanted}
        if not competes(models, spoken_for) and _promote(claim, wanted, now=now):
            return True
        spoken_for |= models
        if None in spoken_for:
            break  # Everybody behind wants some of those.
    return False


def _promote(claim: Claim, wanted: Sequence[Wanted], *, now: datetime) -> bool:
    """Whether the claim got its keys. One that is being cancelled at this moment is passed over."""
    waiting = Claim.objects.filter(pk=claim.pk, state=ClaimState.WAITLISTED)
    if waiting.select_for_update(no_key=True, skip_locked=True).first() is None:
        return False
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
