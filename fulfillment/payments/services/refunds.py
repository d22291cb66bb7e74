"""Refunds: planned with the change that causes them, sent by a worker, followed until they succeed.

A call's idempotency key is made of the refund and its attempt, and the refund's code is sent along, so a
refund whose response was lost can be found by either.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from config.jobs import defer
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.payments.errors import PaymentNotRefundable
from fulfillment.payments.gateways.base import PaymentGateway, PaymentGatewayError
from fulfillment.payments.models import Dispute, Fulfilment, Payment, Refund
from fulfillment.payments.rules.refunds import next_refund_state, refund_state
from fulfillment.payments.rules.session_outcome import KEY_GOOD_FOR, amount_to_refund
from fulfillment.payments.rules.states import (
    LIVE_REFUND_STATES,
    CheckoutOutcome,
    DisputeState,
    PaymentState,
    RefundReason,
    RefundState,
)
from fulfillment.payments.services.cases import open_payment_case, settle_payment_case
from fulfillment.payments.values import VendorRefund
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.payments")

SEND_REFUND = "payments.send_refund"
ACTOR = "system:payments"
_R = RefundState


def refund_part(
    *,
    code: str,
    amount: int,
    reason: RefundReason,
    actor: str,
    now: datetime,
    record: Callable[[Refund], None] = lambda _: None,
) -> Refund:
    """Refund part or all of a claim's payment, at the request of a member of staff.

    Args:   amount: in minor units of the received currency.
            record: writes the audit entry; called last, in the same transaction.
    Raises: PaymentNotRefundable: it was not paid, or less than the amount is left.
    Locks:  the claim's row, then the payment's.
    After commit: the refund is sent, and the claimant notified.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).filter(code=code).first()
        payment = _fulfilling_payment(claim) if claim else None
        if payment is None:
            raise PaymentNotRefundable(code, "it was not paid")
        left = _left(payment)
        if not 0 < amount <= left:
            raise PaymentNotRefundable(
                code, f"only {left} (minor units of {payment.received_currency}) can still be refunded"
            )
        refund = plan_refund(payment, reason=reason, amount=amount, actor=actor, now=now)
        assert refund is not None, "the amount is above zero"
        record(refund)
    return refund


def refund_undeliverable(*, claim_id: int, now: datetime) -> Refund | None:
    """Refund the rest of the payment of a claim whose keys cannot be delivered; None if nothing is left.

    Locks: the claim's row, then the payment's.
    After commit: the refund is sent, and the claimant notified.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=claim_id)
        payment = _fulfilling_payment(claim)
        if payment is None:
            return None
        return plan_refund(payment, reason=RefundReason.UNDELIVERABLE, amount=_left(payment), now=now)


def _fulfilling_payment(claim: Claim) -> Payment | None:
    """The payment that fulfilled the claim, locked."""
    paid = Payment.objects.filter(claim=claim, state=PaymentState.PAID).exclude(
        fulfilment__outcome=CheckoutOutcome.GIVEN_BACK
    )
    return paid.select_for_update(no_key=True, of=("self",)).first()


def plan_refund(
    payment: Payment,
    *,
    reason: RefundReason,
    amount: int,
    now: datetime,
    actor: str = ACTOR,
    replaces: Refund | None = None,
) -> Refund | None:
    """Plan a refund and defer the job that sends it; None if the amount is zero.

    Args: replaces: the failed refund that this one replaces.

    Runs in the caller's transaction, which has locked the payment.
    After commit: a worker sends it.
    """
    if amount <= 0:
        return None
    refund = Refund.objects.create(
        payment=payment,
        reason=reason,
        amount=amount,
        currency=payment.received_currency,
        requested_by=actor,
        replaces=replaces,
        created_at=now,
        updated_at=now,
    )
    defer(SEND_REFUND, refund_id=refund.pk)
    return refund


def refund_unearned(payment: Payment, claim: Claim, *, now: datetime) -> None:
    """Refund the rest of a payment that was not used for its claim, or whose claim was cancelled or rejected.

    Runs in the caller's transaction, which has locked claim and payment.
    """
    outcome = Fulfilment.objects.filter(payment=payment).values_list("outcome", flat=True).first()
    given_up = claim.state in (ClaimState.CANCELLED, ClaimState.REJECTED)
    if not given_up and outcome != CheckoutOutcome.GIVEN_BACK:
        return
    first = payment.refunds.order_by("pk").first()
    reason = (
        RefundReason(first.reason)
        if first and outcome == CheckoutOutcome.GIVEN_BACK
        else RefundReason.CANCELLED
    )
    plan_refund(payment, reason=reason, amount=_left(payment), now=now)


def _left(payment: Payment) -> int:
    """The amount of a payment that is not refunded, disputed, or in a failed refund."""
    sums = {
        state: total or 0
        for state, total in payment.refunds.values_list("state").annotate(total=Sum("amount"))
    }
    failed = payment.refunds.come_back().aggregate(total=Sum("amount"))["total"] or 0
    disputed = Dispute.objects.filter(payment=payment).exclude(state=DisputeState.WON)
    return amount_to_refund(
        received=payment.received or 0,
        going_back=sum(total for state, total in sums.items() if state in LIVE_REFUND_STATES),
        failed=failed,
        disputed=disputed.aggregate(total=Sum("amount"))["total"] or 0,
    )


def send_refund(*, refund_id: int, gateway: PaymentGateway, now: datetime) -> Refund:
    """Send a planned refund. Safe to repeat.

    Raises: PaymentGatewayError: the vendor did not respond; a retry resolves it.
    Locks:  none during the call to the vendor.
    """
    refund = Refund.objects.select_related("payment__claim").get(pk=refund_id)
    if refund.state != _R.PLANNED:
        return refund
    assert refund.payment.payment_intent_id, "a received payment has a payment intent"
    if refund.sent_at is None:
        Refund.objects.filter(pk=refund_id, sent_at__isnull=True).update(sent_at=now)
    elif now >= refund.sent_at + KEY_GOOD_FOR:
        _start_new_attempt(refund, gateway=gateway, now=now)
        if refund.state != _R.PLANNED:
            return refund
    try:
        answer = gateway.create_refund(
            payment_intent_id=refund.payment.payment_intent_id,
            amount=refund.amount,
            refund_code=refund.code,
            claim_code=refund.payment.claim.code,
            key=refund.idempotency_key,
        )
    except PaymentGatewayError as error:
        _after_refusal(refund, error, gateway=gateway, now=now)
    else:
        _record(refund, [answer], now=now)
    refund.refresh_from_db()
    return refund


def _start_new_attempt(refund: Refund, *, gateway: PaymentGateway, now: datetime) -> None:
    """The key has expired or repeats an error: adopt the refund made under it, or use a new key."""
    intent = refund.payment.payment_intent_id
    found = [one for one in gateway.list_refunds(payment_intent_id=intent) if one.refund_code == refund.code]
    if found:
        _record(refund, found, now=now)
    else:
        Refund.objects.filter(pk=refund.pk, state=_R.PLANNED, attempt=refund.attempt).update(
            attempt=refund.attempt + 1, sent_at=now
        )
    refund.refresh_from_db()


def _after_refusal(
    refund: Refund, error: PaymentGatewayError, *, gateway: PaymentGateway, now: datetime
) -> None:
    Refund.objects.filter(pk=refund.pk).update(failure=error.code)
    if error.failure is not Failure.PERMANENT:
        if error.is_kept:
            # The vendor repeats this response for the key, so the next attempt needs a new one.
            _start_new_attempt(refund, gateway=gateway, now=now)
            if refund.state != _R.PLANNED:
                return
        raise error
    listed = gateway.list_refunds(payment_intent_id=refund.payment.payment_intent_id)
    with transaction.atomic(durable=True):
        payment = Payment.objects.select_for_update(no_key=True).get(pk=refund.payment_id)
        record_vendor_refund(payment, listed, now=now)
        refund.refresh_from_db()
        if refund.state != _R.PLANNED:
            return
        # Refunded manually or taken by the payer's bank: nothing is left to refund.
        went_back = sum(one.amount for one in listed if refund_state(one.status) != _R.FAILED)
        is_moot = went_back + refund.amount > (payment.received or 0)
        refund.state = _R.VOID if is_moot else _R.FAILED
        refund.updated_at = now
        refund.save(update_fields=["state", "updated_at"])
        if not is_moot:
            open_payment_case(
                about=refund.code,
                reason=CaseReason.REFUND_REFUSED,
                payment=payment,
                detail=f"{error.code}: {refund.amount} {refund.currency}",
                now=now,
            )


def _record(refund: Refund, answers: Sequence[VendorRefund], *, now: datetime) -> None:
    with transaction.atomic(durable=True):
        payment = Payment.objects.select_for_update(no_key=True).get(pk=refund.payment_id)
        record_vendor_refund(payment, answers, now=now)
        # Invalidate responses requested before this refund.
        Payment.objects.filter(pk=payment.pk).update(version=payment.version + 1)


def record_vendor_refund(payment: Payment, listed: Sequence[VendorRefund], *, now: datetime) -> None:
    """Update refunds from the vendor's list; record those made manually.

    Runs in the caller's transaction, which has locked the payment. Refunds not listed are left unchanged.
    """
    ours = {refund.code: refund for refund in payment.refunds.all()}
    by_vendor_id = {refund.vendor_id: refund for refund in ours.values() if refund.vendor_id}
    # Failures first, so that their replacements fit into the payment's amount.
    for one in sorted(
        listed, key=lambda one: (refund_state(one.status) != _R.FAILED, one.created_at, one.id)
    ):
        refund = by_vendor_id.get(one.id) or ours.get(one.refund_code)
        if refund is None or refund.state == _R.VOID:
            _adopt(payment, one, now=now)
        elif refund.vendor_id in (None, one.id):
            _follow(refund, one, now=now)
        else:
            # A second refund with the same code: two of our attempts took effect.
            _adopt(payment, one, now=now)


def _follow(refund: Refund, one: VendorRefund, *, now: datetime) -> None:
    before = RefundState(refund.state)
    after = next_refund_state(before, one.status)
    if refund.vendor_id == one.id and after == before:
        return
    refund.vendor_id = one.id
    refund.state = after
    refund.failure = one.failure[:80]
    refund.updated_at = now
    refund.save(update_fields=["vendor_id", "state", "failure", "updated_at"])
    if after == _R.FAILED:
        open_payment_case(
            about=refund.code,
            reason=CaseReason.REFUND_FAILED,
            payment=refund.payment,
            detail=f"{one.failure or one.status}: {refund.amount} {refund.currency}",
            now=now,
        )
    elif before in (_R.PLANNED, _R.FAILED):
        settle_payment_case(
            about=refund.code, reason=CaseReason.REFUND_FAILED, outcome="sent after all", now=now
        )
        _notify(refund, now=now)


def _adopt(payment: Payment, one: VendorRefund, *, now: datetime) -> None:
    """Record a refund made manually; cancel planned ones that no longer fit into the payment's amount."""
    state = refund_state(one.status)
    if state != _R.FAILED:
        room = (payment.received or 0) - _refunded_amount(payment)
        for planned in payment.refunds.filter(state=_R.PLANNED).order_by("-pk"):
            if room >= one.amount:
                break
            Refund.objects.filter(pk=planned.pk).update(state=_R.VOID, updated_at=now)
            room += planned.amount
    refund = Refund.objects.create(
        payment=payment,
        reason=RefundReason.BY_HAND,
        state=state,
        amount=one.amount,
        currency=one.currency,
        vendor_id=one.id,
        requested_by="vendor",
        created_at=now,
        updated_at=now,
        failure=one.failure[:80],
    )
    if state != _R.FAILED:
        _notify(refund, now=now)


def _refunded_amount(payment: Payment) -> int:
    live = payment.refunds.filter(state__in=LIVE_REFUND_STATES)
    return int(live.aggregate(total=Sum("amount"))["total"] or 0)


def _notify(refund: Refund, *, now: datetime) -> None:
    claim = refund.payment.claim
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.REFUNDED,
        claim_code=claim.code,
        context={
            "amount": {"amount": refund.amount, "currency": refund.currency},
            "why": RefundReason(refund.reason).label,
        },
        once=f"refunded:{refund.code}",
        now=now,
    )
