"""Units that come free are offered to the first in line, who takes them, declines, or lets the time pass.

An offer is a waitlisted claim with its units held and `offered_until` set. `expiry` ends those nobody takes.
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
from fulfillment.claims.rules import ClaimState, competes
from fulfillment.claims.services.announcements import announce_claim
from fulfillment.claims.services.stock_reservation import state_once_reserved, wanted_units
from fulfillment.claims.services.transitions import change_state, record_claim_event
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from inventory.errors import InsufficientStock
from inventory.rules import Wanted
from inventory.services.expiry import let_expire
from inventory.services.reservations import lock_shortage, reserve

ACTOR = "system:waitlist"


def serve_waitlists(*, now: datetime) -> int:
    """Promote in every campaign that somebody waits in, the longest wait first; how many were served."""
    waiting = Claim.objects.waitlist().order_by().values("campaign_id")
    longest_first = waiting.annotate(since=Min("waitlisted_at")).order_by("since", "campaign_id")
    return sum(
        promote_waitlist(campaign_id=campaign_id, now=now)
        for campaign_id in list(longest_first.values_list("campaign_id", flat=True))
    )


def promote_waitlist(*, campaign_id: int, now: datetime) -> int:
    """Offer keys to waiting claims, first come first; how many were served.

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
        wanted = wanted_units(claim)
        models = {item.key_model_id for item in wanted}
        if not competes(models, spoken_for) and _promote(claim, wanted, now=now):
            return True
        spoken_for |= models
        if None in spoken_for:
            break  # Everybody behind wants some of those.
    return False


def _promote(claim: Claim, wanted: Sequence[Wanted], *, now: datetime) -> bool:
    """Whether the claim got its keys. One that is being cancelled at this moment is passed over."""
    waiting = Claim.objects.waitlist().filter(pk=claim.pk)
    if waiting.select_for_update(no_key=True, skip_locked=True).first() is None:
        return False
    try:
        among = offered_models(claim.campaign, country=claim.country, now=now).values()
        reserve(holder=claim.code, wanted=wanted, actor=ACTOR, now=now, among=among)
    except InsufficientStock:
        return False
    if _is_known_to_be_wanted(claim):
        _accept(claim, actor=ACTOR, now=now)
        _tell_promoted(claim, wanted, until=None, now=now)
    else:
        _offer(claim, wanted, now=now)
    return True


def _is_known_to_be_wanted(claim: Claim) -> bool:
    """Who had keys that were taken away again, or waits for a replacement, is not asked once more."""
    return claim.replaces_id is not None or claim.events.filter(name=ClaimEvent.Name.ACCEPTED).exists()


def _offer(claim: Claim, wanted: Sequence[Wanted], *, now: datetime) -> None:
    until = now + timedelta(days=claim.campaign.offer_days)
    Claim.objects.filter(pk=claim.pk).update(offered_until=until, updated_at=now)
    claim.offered_until = until
    let_expire(holder=claim.code, expires_at=until)
    record_claim_event(claim, ClaimEvent.Name.OFFERED, actor=ACTOR, now=now, before=claim.state)
    _tell_promoted(claim, wanted, until=until, now=now)


def accept_offer(*, code: str, actor: str, now: datetime) -> Claim:
    """Take the keys that came free: the claim is accepted, or is to be paid for. To decline, cancel it.

    Raises: NoOffer: there is none, or its time has passed.
    Locks:  the claim's row, then its units.
    After commit: an accepted claim becomes a parcel.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).filter(code=code).first()
        if claim is None or claim.offered_until is None or claim.offered_until <= now:
            raise NoOffer(code)
        let_expire(holder=code, expires_at=None)
        _accept(claim, actor=actor, now=now)
        if claim.state == ClaimState.ACCEPTED:
            announce_claim(claim, quantity=sum(item.quantity for item in wanted_units(claim)), now=now)
    return claim


def _accept(claim: Claim, *, actor: str, now: datetime) -> None:
    """The keys are held: the claim is accepted, or is to be paid for first."""
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


def _tell_promoted(claim: Claim, wanted: Sequence[Wanted], *, until: datetime | None, now: datetime) -> None:
    """Say that keys came free: until when they are held, or that they are on their way."""
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
