"""Callbacks for payments: a claim is paid, expires unpaid, is paid too late, or is put on hold.

The payments app depends on this one and calls these in its own transaction, which has locked the claim.
"""

from collections.abc import Mapping
from datetime import datetime

from config.jobs import defer
from fulfillment.claims.deferred_jobs import REFUND_UNDELIVERABLE, SHIP_CLAIM, STOP_PARCELS
from fulfillment.claims.models import Claim, ClaimEvent, ClaimItem, ClaimQuote
from fulfillment.claims.region_lookup import models_for
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.rules.retention import KEEP_UNPAID_ADDRESS_FOR
from fulfillment.claims.services.transitions import change_state, record_claim_event
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.vault.models import DataKey
from fulfillment.vault.services import cancel_shredding, schedule_shredding, shred
from inventory.errors import InsufficientStock
from inventory.rules import Reason, Wanted
from inventory.services.reservations import lock_shortage, release, reserve

ACTOR = "system:payments"


def accept_payment(claim: Claim, *, data: Mapping[str, object], now: datetime) -> bool:
    """Accept a claim that was paid, and request its parcel. False when the claim awaits no payment."""
    if not change_state(
        claim,
        to=ClaimState.ACCEPTED,
        name=ClaimEvent.Name.PAID,
        actor=ACTOR,
        now=now,
        from_states={ClaimState.AWAITING_PAYMENT},
        data=data,
    ):
        return False
    _go_on(claim, now=now)
    return True


def accept_late_payment(claim: Claim, *, data: Mapping[str, object], now: datetime) -> bool:
    """Accept an expired claim whose payment succeeded after all, if it can still be fulfilled.

    False, and nothing changed, when the maintainer has another claim by now, the address is destroyed, too
    few keys are left, or others wait for them: the claim lost its place when it expired, and a late payment
    does not restore it (decision 0071).
    Locks: units; on a shortage, or when others wait, the stock-shortage lock until the transaction ends.
    """
    if claim.state != ClaimState.EXPIRED:
        return False
    live = Claim.objects.live().filter(campaign_id=claim.campaign_id, account_id=claim.account_id)
    if live.exists() or not DataKey.objects.filter(subject=claim.code, shredded_at__isnull=True).exists():
        return False
    items = ClaimItem.objects.filter(claim=claim)
    wanted = [Wanted(item.key_model_id, item.quantity) for item in items]
    if _others_wait(claim, {item.key_model_id for item in wanted}):
        return False
    among = list(models_for(claim.campaign, country=claim.country, now=now).values_list("id", flat=True))
    try:
        reserve(holder=claim.code, wanted=wanted, among=among, actor=ACTOR, now=now)
    except InsufficientStock:
        return False
    moved = change_state(
        claim,
        to=ClaimState.ACCEPTED,
        name=ClaimEvent.Name.PAID,
        actor=ACTOR,
        now=now,
        from_states={ClaimState.EXPIRED},
        data=data,
    )
    assert moved, "the caller has locked the claim"
    cancel_shredding(subject=claim.code)
    _go_on(claim, now=now)
    return True


def _others_wait(claim: Claim, models: set[int | None]) -> bool:
    line = Claim.objects.waiting_for(models, campaign_id=claim.campaign_id)
    if not line.exists():
        return False
    # `serve_waitlists` holds this lock too, so it has either finished or not started.
    lock_shortage()
    return line.exists()


def _go_on(claim: Claim, *, now: datetime) -> None:
    defer(SHIP_CLAIM, claim_id=claim.pk)
    quote = ClaimQuote.objects.get(claim=claim)
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.PAYMENT_RECEIVED,
        claim_code=claim.code,
        context={"total": {"amount": quote.total, "currency": quote.currency}},
        now=now,
    )


def expire_unpaid(claim: Claim, *, money_may_come: bool, now: datetime) -> bool:
    """Expire an unpaid claim: its keys go to the waitlist. False when the claim awaits no payment.

    Args: money_may_come: a payment is still under way; the address is kept for a while, so that the claim
          can still be fulfilled.
    """
    if not change_state(
        claim,
        to=ClaimState.EXPIRED,
        name=ClaimEvent.Name.EXPIRED,
        actor=ACTOR,
        now=now,
        from_states={ClaimState.AWAITING_PAYMENT},
    ):
        return False
    release(holder=claim.code, actor=ACTOR, now=now, reason=Reason.EXPIRED)
    if money_may_come:
        schedule_shredding(subject=claim.code, shred_after=now + KEEP_UNPAID_ADDRESS_FOR)
    else:
        shred(subject=claim.code, now=now)
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.PAYMENT_LAPSED,
        claim_code=claim.code,
        context={"money_may_come": money_may_come},
        now=now,
        country=claim.country,
    )
    return True


def hold_keys_until(claim: Claim, *, until: datetime, now: datetime) -> None:
    """Extend the payment deadline of a claim; never shortens it."""
    waiting = Claim.objects.filter(pk=claim.pk, state=ClaimState.AWAITING_PAYMENT, payment_due_at__lt=until)
    if waiting.update(payment_due_at=until, updated_at=now):
        claim.payment_due_at = until


def hold_claim(claim: Claim, *, why: str, now: datetime) -> bool:
    """Put a claim on hold until `release_hold`; return whether it was not on hold yet.

    Args: why: a code, never personal data.
    After commit: parcels that are still in the warehouse are stopped.
    """
    if not Claim.objects.filter(pk=claim.pk, held_at__isnull=True).update(held_at=now, updated_at=now):
        return False
    claim.held_at = now
    record_claim_event(
        claim, ClaimEvent.Name.HELD, actor=ACTOR, now=now, before=claim.state, data={"why": why}
    )
    if claim.label_started_at is not None:
        defer(STOP_PARCELS, claim_id=claim.pk)
    return True


def release_hold(claim: Claim, *, now: datetime) -> bool:
    """Take a claim off hold; return whether it was on hold. An accepted claim requests its parcel again."""
    if not Claim.objects.filter(pk=claim.pk, held_at__isnull=False).update(held_at=None, updated_at=now):
        return False
    claim.held_at = None
    record_claim_event(claim, ClaimEvent.Name.HELD_NO_MORE, actor=ACTOR, now=now, before=claim.state)
    if claim.state == ClaimState.ACCEPTED and claim.label_started_at is None:
        defer(SHIP_CLAIM, claim_id=claim.pk)
    return True


def request_undeliverable_refund(claim: Claim) -> None:
    """Request a refund, because the keys will not reach the maintainer and are not replaced.

    A claim that replaces keys was free, so the payment of the original claim is refunded.
    After commit: a payment job refunds the rest of the payment.
    """
    paid_for = claim.replaces_id or claim.pk
    if ClaimQuote.objects.filter(claim=paid_for).exists():
        defer(REFUND_UNDELIVERABLE, claim_id=paid_for)


def cancel_after_lost_dispute(claim: Claim, *, now: datetime) -> bool:
    """Cancel a claim after a lost dispute: the payer's bank took the money back for good.

    False, and nothing changed, when the label is started or the claim is not accepted.
    """
    if claim.label_started_at is not None or not change_state(
        claim,
        to=ClaimState.CANCELLED,
        name=ClaimEvent.Name.CANCELLED,
        actor=ACTOR,
        now=now,
        from_states={ClaimState.ACCEPTED},
        data={"why": "dispute lost"},
        held_at=None,
    ):
        return False
    release(holder=claim.code, actor=ACTOR, now=now, reason=Reason.CANCELLED)
    shred(subject=claim.code, now=now)
    queue_notice(
        account_id=claim.account_id, template=Notice.Template.CANCELLED, claim_code=claim.code, now=now
    )
    return True
