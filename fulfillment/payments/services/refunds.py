"""Money back: planned with the change that causes it, sent by a worker, followed until it arrived.

The vendor is asked under a key of the refund and its attempt, and told the refund's code, so a lost answer
is found again either way.
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
from fulfillment.payments.rules.session_outcome import KEY_GOOD_FOR, still_to_give_back
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
    """Give back part, or all, of what was paid for a claim, on a person's word.

    Args:   amount: in minor units of what was received.
            record: writes the actor's trail; called last, so that it commits with the refund.
    Raises: NotRefundable: it was not paid, or less than that is left.
    Locks:  the claim's row, then the payment's.
    After commit: the refund is sent, and the claimant told.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).filter(code=code).first()
        payment = _served_for(claim) if claim else None
        if payment is None:
            raise PaymentNotRefundable(code, "it was not paid")
        left = _left(payment)
        if not 0 < amount <= left:
            raise PaymentNotRefundable(
                code, f"{left} {payment.received_currency} in minor units are left of it"
            )
        refund = plan_refund(payment, reason=reason, amount=amount, actor=actor, now=now)
        assert refund is not None, "the amount is not nothing"
        record(refund)
    return refund


def refund_undeliverable(*, claim_id: int, now: datetime) -> Refund | None:
    """Give back what is left of the money of a claim whose keys cannot be delivered; None when nothing is.

    Locks: the claim's row, then the payment's.
    After commit: the refund is sent, and the claimant told.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=claim_id)
        payment = _served_for(claim)
        if payment is None:
            return None
        return plan_refund(payment, reason=RefundReason.UNDELIVERABLE, amount=_left(payment), now=now)


def _served_for(claim: Claim) -> Payment | None:
    """The payment that the claim was served for, its row locked."""
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
    """Write down that money goes back, and have it sent; None when there is none to send.

    Args: replaces: one that came back, which this one is sent for.

    Part of the caller's transaction, which has locked the payment.
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


def give_back_what_is_not_ours(payment: Payment, claim: Claim, *, now: datetime) -> None:
    """Plan a refund of whatever is left of a payment whose claim was given up.

    Part of the caller's transaction, which has locked claim and payment.
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
    """What of a payment has neither gone back nor been taken, nor failed to go back."""
    sums = {
        state: total or 0
        for state, total in payment.refunds.values_list("state").annotate(total=Sum("amount"))
    }
    failed = payment.refunds.come_back().aggregate(total=Sum("amount"))["total"] or 0
    disputed = Dispute.objects.filter(payment=payment).exclude(state=DisputeState.WON)
    return still_to_give_back(
        received=payment.received or 0,
        going_back=sum(total for state, total in sums.items() if state in LIVE_REFUND_STATES),
        failed=failed,
        disputed=disputed.aggregate(total=Sum("amount"))["total"] or 0,
    )


def send_refund(*, refund_id: int, gateway: PaymentGateway, now: datetime) -> Refund:
    """Ask the vendor to send a planned refund; safe to repeat after whatever happened.

    Raises: PaymentGatewayError: the vendor does not say; the same again later finds out.
    Locks:  none while the vendor is asked.
    """
    refund = Refund.objects.select_related("payment__claim").get(pk=refund_id)
    if refund.state != _R.PLANNED:
        return refund
    assert refund.payment.payment_intent_id, "what was received has its payment intent"
    if refund.sent_at is None:
        Refund.objects.filter(pk=refund_id, sent_at__isnull=True).update(sent_at=now)
    elif now >= refund.sent_at + KEY_GOOD_FOR:
        _try_anew(refund, gateway=gateway, now=now)
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


def _try_anew(refund: Refund, *, gateway: PaymentGateway, now: datetime) -> None:
    """The old key is spent: adopt what it made, or else take a new one."""
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
            # That answer is kept under the key for ever, so the next attempt needs another.
            _try_anew(refund, gateway=gateway, now=now)
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
        # Somebody sent the money back by hand, or the payer's bank took it: nothing is owed any more.
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
        # A look at the books from before this refund knows nothing of it.
        Payment.objects.filter(pk=payment.pk).update(version=payment.version + 1)


def record_vendor_refund(payment: Payment, listed: Sequence[VendorRefund], *, now: datetime) -> None:
    """Bring refunds to what the vendor says of each; those made by hand are taken in as such.

    Part of the caller's transaction, which has locked the payment. Knows only of those listed.
    """
    ours = {refund.code: refund for refund in payment.refunds.all()}
    by_vendor_id = {refund.vendor_id: refund for refund in ours.values() if refund.vendor_id}
    # Failures first: they make room for what was sent instead of them.
    for one in sorted(
        listed, key=lambda one: (refund_state(one.status) != _R.FAILED, one.created_at, one.id)
    ):
        refund = by_vendor_id.get(one.id) or ours.get(one.refund_code)
        if refund is None or refund.state == _R.VOID:
            _adopt(payment, one, now=now)
        elif refund.vendor_id in (None, one.id):
            _follow(refund, one, now=now)
        else:
            # A second refund under one code: two attempts of ours both took effect.
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
        _tell(refund, now=now)


def _adopt(payment: Payment, one: VendorRefund, *, now: datetime) -> None:
    """A refund we did not ask for. What we planned meanwhile and no longer fits is given up."""
    state = refund_state(one.status)
    if state != _R.FAILED:
        room = (payment.received or 0) - _going_back(payment)
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
        _tell(refund, now=now)


def _going_back(payment: Payment) -> int:
    live = payment.refunds.filter(state__in=LIVE_REFUND_STATES)
    return int(live.aggregate(total=Sum("amount"))["total"] or 0)


def _tell(refund: Refund, *, now: datetime) -> None:
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
