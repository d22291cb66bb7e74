"""Disputes: put the claim on hold, and open a case with the evidence."""

from collections.abc import Sequence
from datetime import datetime

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.payment_callbacks import cancel_after_lost_dispute, hold_claim, release_hold
from fulfillment.payments.models import Dispute, Payment
from fulfillment.payments.rules.states import DISPUTE_ENDS, DisputeState
from fulfillment.payments.services.cases import open_payment_case, settle_payment_case
from fulfillment.payments.values import VendorDispute


def record_dispute(payment: Payment, claim: Claim, listed: Sequence[VendorDispute], *, now: datetime) -> None:
    """Update a payment's disputes from the vendor's list.

    A claim that is not handed over yet is on hold while any dispute is open or lost, until all are won.
    Runs in the caller's transaction, which has locked claim and payment.
    """
    for one in listed:
        _follow(payment, claim, one, now=now)
    states = set(Dispute.objects.filter(payment=payment).values_list("state", flat=True))
    if not states:
        return
    if states == {DisputeState.WON}:
        release_hold(claim, now=now)
    elif DisputeState.LOST in states and cancel_after_lost_dispute(claim, now=now):
        pass
    elif claim.state == ClaimState.ACCEPTED:
        hold_claim(claim, why="disputed", now=now)
    # The case of a lost dispute stays open while the claim is on hold with a label that is not refunded yet.
    if claim.state != ClaimState.ACCEPTED or claim.held_at is None:
        _close_decided(payment, now=now)


def _follow(payment: Payment, claim: Claim, one: VendorDispute, *, now: datetime) -> None:
    dispute, is_new = Dispute.objects.get_or_create(
        vendor_id=one.id,
        defaults={
            "payment": payment,
            "status": one.status[:40],
            "reason": one.reason[:60],
            "amount": one.amount,
            "currency": one.currency,
            "due_by": one.due_by,
            "opened_at": one.created_at,
        },
    )
    if is_new:
        open_payment_case(
            about=one.id,
            reason=CaseReason.DISPUTE,
            payment=payment,
            detail=evidence(claim, one),
            due_at=one.due_by,
            now=now,
        )
    state = DISPUTE_ENDS.get(one.status, DisputeState.OPEN)
    if dispute.state in (DisputeState.WON, DisputeState.LOST) and state == DisputeState.OPEN:
        return
    if (dispute.state, dispute.status) == (state, one.status):
        return
    dispute.state, dispute.status = state, one.status[:40]
    dispute.amount, dispute.due_by = one.amount, one.due_by
    if state != DisputeState.OPEN and dispute.closed_at is None:
        dispute.closed_at = now
    dispute.save()


def _close_decided(payment: Payment, *, now: datetime) -> None:
    """Close the cases of decided disputes."""
    for dispute in Dispute.objects.filter(payment=payment).exclude(state=DisputeState.OPEN):
        settle_payment_case(
            about=dispute.vendor_id,
            reason=CaseReason.DISPUTE,
            outcome=f"decided: {dispute.status}",
            now=now,
        )


def evidence(claim: Claim, dispute: VendorDispute) -> str:
    """Evidence for the vendor's form: reason, amount, carrier, tracking code and dates."""
    events = claim.events.filter(name__in=[ClaimEvent.Name.SHIPPED, ClaimEvent.Name.DELIVERED]).order_by("at")
    parts = [f"{dispute.reason}, {dispute.amount} {dispute.currency}"]
    for event in events:
        if event.name == ClaimEvent.Name.SHIPPED:
            carrier, code = event.data.get("carrier", ""), event.data.get("tracking_code", "")
            parts.append(f"shipped {event.at:%Y-%m-%d} by {carrier} {code}")
        else:
            parts.append(f"delivered {event.at:%Y-%m-%d}")
    if len(parts) == 1:
        parts.append("not handed over; on hold")
    return "; ".join(parts)
