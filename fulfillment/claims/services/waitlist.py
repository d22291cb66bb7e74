"""Offer available units to the first on the waitlist, who accepts, declines, or lets the offer expire.

An offer is a waitlisted claim with its units held and `offered_until` set. `expiry` ends unaccepted offers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Min

from config.jobs import defer
from fulfillment.claims.deferred_jobs import SHIP_CLAIM
from fulfillment.claims.errors import NoOffer
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.pricing import is_free, payment_due_at
from fulfillment.claims.region_lookup import offered_models
from fulfillment.claims.rules import ClaimState, compete_for_keys
from fulfillment.claims.services.announcements import announce_claim
from fulfillment.claims.services.stock_reservation import state_once_reserved, wanted_units
from fulfillment.claims.services.transitions import change_state, record_claim_event
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from inventory.errors import InsufficientStock
from inventory.rules import Wanted
from inventory.services.expiry import set_reservation_expiry
from inventory.services.reservations import lock_shortage, reserve

ACTOR = "system:waitlist"


def serve_waitlists(*, now: datetime) -> int:
    """Serve the waitlist of every campaign, the longest wait first; return how many claims were served."""
    waiting = Claim.objects.waitlist().order_by().values("campaign_id")
    longest_first = waiting.annotate(since=Min("waitlisted_at")).order_by("since", "campaign_id")
    return sum(
        promote_waitlist(campaign_id=campaign_id, now=now)
        for campaign_id in list(longest_first.values_list("campaign_id", flat=True))
    )


def promote_waitlist(*, campaign_id: int, now: datetime) -> int:
    """Offer keys to waiting claims in order; return how many were served.

    A claim that cannot be filled blocks later claims for the same keys, and no others: waiting for a model
    that is out of stock does not hold up those who want another.
    """
    promoted = 0
    while _promote_next(campaign_id=campaign_id, now=now):
        promoted += 1
    return promoted


@transaction.atomic
def _promote_next(*, campaign_id: int, now: datetime) -> bool:
    """Locks: stock shortage (so that no claim is waitlisted unseen), then waitlisted claims, then units."""
    lock_shortage()
    wanted_before: set[int | None] = set()
    line = Claim.objects.waitlist().filter(campaign_id=campaign_id).prefetch_related("items")
    for claim in line.iterator(chunk_size=100):
        wanted = wanted_units(claim)
        models = {item.key_model_id for item in wanted}
        if not compete_for_keys(models, wanted_before) and _promote(claim, wanted, now=now):
            return True
        wanted_before |= models
        if None in wanted_before:
            break  # Every later claim wants some of those.
    return False


def _promote(claim: Claim, wanted: Sequence[Wanted], *, now: datetime) -> bool:
    """Reserve a claim's keys; return whether it got them. A claim that is being cancelled is skipped."""
    waiting = Claim.objects.waitlist().filter(pk=claim.pk)
    if waiting.select_for_update(no_key=True, skip_locked=True).first() is None:
        return False
    try:
        among = offered_models(claim.campaign, country=claim.country, now=now).values()
        reserve(holder=claim.code, wanted=wanted, actor=ACTOR, now=now, among=among)
    except InsufficientStock:
        return False
    if _needs_no_offer(claim):
        _accept(claim, actor=ACTOR, now=now)
        _notify_promoted(claim, wanted, until=None, now=now)
    else:
        _offer(claim, wanted, now=now)
    return True


def _needs_no_offer(claim: Claim) -> bool:
    """Whether keys are sent without an offer: after a recall, for a backorder or for a replacement."""
    return claim.replaces_id is not None or claim.events.filter(name=ClaimEvent.Name.ACCEPTED).exists()


def _offer(claim: Claim, wanted: Sequence[Wanted], *, now: datetime) -> None:
    until = now + timedelta(days=claim.campaign.offer_days)
    Claim.objects.filter(pk=claim.pk).update(offered_until=until, updated_at=now)
    claim.offered_until = until
    set_reservation_expiry(holder=claim.code, expires_at=until)
    record_claim_event(claim, ClaimEvent.Name.OFFERED, actor=ACTOR, now=now, before=claim.state)
    _notify_promoted(claim, wanted, until=until, now=now)


def accept_offer(*, code: str, actor: str, now: datetime) -> Claim:
    """Accept an offer: the claim is accepted, or awaits payment. To decline, cancel the claim.

    Raises: NoOffer: there is none, or it has expired.
    Locks:  the claim's row, then its units.
    After commit: an accepted claim becomes a parcel.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).filter(code=code).first()
        if claim is None or claim.offered_until is None or claim.offered_until <= now:
            raise NoOffer(code)
        set_reservation_expiry(holder=code, expires_at=None)
        _accept(claim, actor=actor, now=now)
        if claim.state == ClaimState.ACCEPTED:
            announce_claim(claim, quantity=sum(item.quantity for item in wanted_units(claim)), now=now)
    return claim


def _accept(claim: Claim, *, actor: str, now: datetime) -> None:
    """Accept the claim whose keys are held, or have it await payment first."""
    state = state_once_reserved(is_free=is_free(claim))
    change_state(
        claim,
        to=state,
        name=ClaimEvent.Name(state),
        actor=actor,
        now=now,
        from_states={ClaimState.WAITLISTED},
        waitlisted_at=None,
        offered_until=None,
        payment_due_at=payment_due_at(state, now),
    )
    if state == ClaimState.AWAITING_PAYMENT:
        announce_claim(claim, quantity=sum(item.quantity for item in wanted_units(claim)), now=now)


def _notify_promoted(
    claim: Claim, wanted: Sequence[Wanted], *, until: datetime | None, now: datetime
) -> None:
    """Notify the maintainer that keys are available: until when they are held, or that they will be sent."""
    if claim.state == ClaimState.AWAITING_PAYMENT:
        return
    if until is None:
        defer(SHIP_CLAIM, claim_id=claim.pk)
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.PROMOTED,
        claim_code=claim.code,
        context={
            "quantity": sum(item.quantity for item in wanted),
            "until": until.isoformat() if until else "",
        },
        once=f"promoted:{claim.code}:{now:%Y%m%d%H%M}",
        now=now,
        country=claim.country,
    )
