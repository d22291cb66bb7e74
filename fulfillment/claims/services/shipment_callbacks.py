"""Callbacks for shipping: a label is bought, and a parcel shipped, delivered or returned."""

from collections.abc import Mapping
from datetime import datetime

from config.jobs import defer
from fulfillment.claims.deferred_jobs import SETTLE_CLAIM
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.rules.retention import KEEP_ADDRESS_FOR
from fulfillment.claims.services.transitions import change_state, record_claim_event
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.vault.services import schedule_shredding

ACTOR = "system:shipping"

_SENDING = {ClaimState.ACCEPTED, ClaimState.SHIPPED, ClaimState.DELIVERED, ClaimState.RETURNED}


def start_label(*, claim_id: int, now: datetime) -> Claim | None:
    """Fix the claim and its address before its label is bought.

    Returns: None if the claim is not accepted or is on hold, or if another worker was first.
    """
    started = Claim.objects.filter(
        pk=claim_id, state=ClaimState.ACCEPTED, label_started_at__isnull=True, held_at__isnull=True
    ).update(label_started_at=now, updated_at=now)
    return Claim.objects.get(pk=claim_id) if started else None


def abandon_label(*, claim_id: int, now: datetime) -> None:
    """Make the claim editable again, because no label was bought and no purchase is in progress.

    After commit: a claim on hold is settled, because a lost dispute waits for its label to be abandoned.
    """
    mine = Claim.objects.filter(pk=claim_id, state=ClaimState.ACCEPTED)
    if mine.update(label_started_at=None, updated_at=now) and mine.filter(held_at__isnull=False).exists():
        defer(SETTLE_CLAIM, claim_id=claim_id)


def record_label_bought(claim: Claim, *, data: Mapping[str, object], now: datetime) -> None:
    """Record that a label was bought."""
    record_claim_event(
        claim, ClaimEvent.Name.LABEL_BOUGHT, actor=ACTOR, now=now, before=claim.state, data=data
    )


def record_shipped(claim: Claim, *, carrier: str, tracking_code: str, now: datetime) -> None:
    """Record that the carrier has the parcel: its first scan, or after it corrected a delivery."""
    before = ClaimState(claim.state)
    name = ClaimEvent.Name.SHIPPED if before == ClaimState.ACCEPTED else ClaimEvent.Name.CORRECTED
    data = {"carrier": carrier, "tracking_code": tracking_code}
    moved = change_state(
        claim, to=ClaimState.SHIPPED, name=name, actor=ACTOR, now=now, from_states=_SENDING, data=data
    )
    if moved and before == ClaimState.ACCEPTED:
        queue_notice(
            account_id=claim.account_id,
            template=Notice.Template.SHIPPED,
            claim_code=claim.code,
            context={"carrier": carrier, "tracking_code": tracking_code},
            now=now,
            country=claim.country,
        )


def record_delivered(claim: Claim, *, now: datetime) -> None:
    """Record the delivery. The maintainer is notified once, even if the carrier reports it again."""
    if change_state(
        claim,
        to=ClaimState.DELIVERED,
        name=ClaimEvent.Name.DELIVERED,
        actor=ACTOR,
        now=now,
        from_states={ClaimState.SHIPPED},
    ):
        schedule_shredding(subject=claim.code, shred_after=now + KEEP_ADDRESS_FOR)
        queue_notice(
            account_id=claim.account_id,
            template=Notice.Template.DELIVERED,
            claim_code=claim.code,
            now=now,
            country=claim.country,
        )


def record_returning(claim: Claim, *, problem: str, now: datetime, is_asked_for: bool = False) -> None:
    """Record that the parcel is on its way back to us.

    Args: is_asked_for: with a return label that we gave the maintainer, so they are not notified.
    """
    if change_state(
        claim,
        to=ClaimState.RETURNED,
        name=ClaimEvent.Name.RETURNED,
        actor=ACTOR,
        now=now,
        from_states={ClaimState.SHIPPED, ClaimState.DELIVERED},
        data={"is_asked_for": True} if is_asked_for else {},
    ):
        schedule_shredding(subject=claim.code, shred_after=now + KEEP_ADDRESS_FOR)
        if not is_asked_for:
            report_problem(claim, problem=problem, now=now)


def report_problem(claim: Claim, *, problem: str, now: datetime) -> None:
    """Notify the maintainer of a problem with the parcel, once per kind of problem."""
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.PROBLEM,
        claim_code=claim.code,
        context={"problem": problem},
        once=f"problem:{claim.code}:{problem}",
        now=now,
        country=claim.country,
    )
