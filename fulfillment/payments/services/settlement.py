"""One function brings a payment in line with the vendor's books, whoever calls it and however often.

Webhook, return page and reconciliation all end here. It looks at the session, its refunds and disputes as
they are now, and acts on that; what events say, and in which order, is beside the point.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.payment_callbacks import (
    accept_late_payment,
    accept_payment,
    expire_unpaid,
    hold_keys_until,
)
from fulfillment.payments.gateways.base import PaymentGateway, PaymentGatewayError
from fulfillment.payments.models import Fulfilment, Payment
from fulfillment.payments.rules.session_outcome import (
    HOLD_WHILE_PENDING,
    amount_differences,
    next_state,
    reason_to_give_back,
    state_seen,
)
from fulfillment.payments.rules.states import LIVE_PAYMENT_STATES, CheckoutOutcome, PaymentState, RefundReason
from fulfillment.payments.services import disputes, refunds
from fulfillment.payments.services.cases import open_payment_case
from fulfillment.payments.values import NOT_OPEN, Checkout, VendorDispute, VendorRefund
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.payments")

_P = PaymentState
LOOKS = 5
_LEARNED = [
    "state",
    "updated_at",
    "paid_at",
    "received",
    "received_currency",
    "session_id",
    "payment_intent_id",
    "charge_id",
    "looked_at",
    "last_error",
    "version",
]


@dataclass(frozen=True)
class Look:
    """What the vendor's books say of one payment at one moment. None: not asked, for nothing hints at any."""

    checkout: Checkout
    refunds: Sequence[VendorRefund] | None = None
    disputes: Sequence[VendorDispute] | None = None


def settle_payment(
    *,
    payment_id: int,
    gateway: PaymentGateway,
    now: datetime,
    known: Checkout | None = None,
    session_id: str | None = None,
    is_thorough: bool = False,
) -> Payment:
    """Bring a payment, its claim, refunds and disputes to what the vendor's books say. Repeatable.

    Args:   known: the session, where the caller has just asked for it.
            is_thorough: ask for refunds and disputes even where nothing hints at any: a dispute that was
            won, unheard of from its beginning to its end, leaves no trace on the charge.
            session_id: a session that an event says is the payment's, where we never learned its id.
    Raises: PaymentGatewayError: the vendor could not be asked; nothing has changed.
    Locks:  while the vendor is asked, none. Then the claim's row and the payment's; if somebody else
            learned something of this payment meanwhile, what was seen is thrown away and asked again, so
            what is old never overwrites what is new.
    After commit: refunds that are due are sent.
    """
    for _ in range(LOOKS):
        payment = Payment.objects.get(pk=payment_id)
        let_go_of_the_database()
        checkout = known or _checkout(payment, session_id, gateway=gateway)
        if checkout is None:
            return payment
        look = _look(payment, checkout, gateway=gateway, is_thorough=is_thorough)
        if _apply(payment, look, mode=gateway.mode, now=now):
            payment.refresh_from_db()
            return payment
        known = None
    raise PaymentGatewayError(Failure.RETRYABLE, "BUSY")


def end_and_settle(*, payment: Payment, gateway: PaymentGateway, now: datetime) -> Payment:
    """End a session that is not to be paid any more, and see what became of it.

    Raises: PaymentGatewayError: the vendor could not be asked.
    """
    if payment.session_id is not None and payment.state in (_P.OPEN, _P.PLANNED):
        try:
            gateway.expire_checkout(payment.session_id)
        except PaymentGatewayError as error:
            # It is over already; most likely it was paid a moment ago. The look says.
            if error.code != NOT_OPEN:
                raise
    return settle_payment(payment_id=payment.pk, gateway=gateway, now=now)


def _checkout(payment: Payment, session_id: str | None, *, gateway: PaymentGateway) -> Checkout | None:
    if payment.session_id is not None:
        return gateway.retrieve_checkout(payment.session_id)
    if session_id is None:
        return None
    checkout = gateway.retrieve_checkout(session_id)
    return checkout if checkout.payment_code == payment.code else None


def _look(payment: Payment, checkout: Checkout, *, gateway: PaymentGateway, is_thorough: bool) -> Look:
    """Ask for what the session does not say itself: only where there is, or was, anything."""
    intent = checkout.payment_intent_id
    if intent is None or not checkout.is_paid:
        return Look(checkout)
    if checkout.received is None:
        # The money and its charge come a moment apart.
        raise PaymentGatewayError(Failure.RETRYABLE, "NO_CHARGE_YET")
    ask_refunds = is_thorough or checkout.refunded > 0 or payment.refunds.exists()
    ask_disputes = is_thorough or checkout.is_disputed or payment.disputes.exists()
    return Look(
        checkout,
        refunds=gateway.list_refunds(payment_intent_id=intent) if ask_refunds else None,
        disputes=gateway.list_disputes(payment_intent_id=intent) if ask_disputes else None,
    )


def _apply(payment: Payment, look: Look, *, mode: str, now: datetime) -> bool:
    """Write down what was seen and do what follows, in one transaction; False when it is out of date."""
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=payment.claim_id)
        current = Payment.objects.select_for_update(no_key=True).get(pk=payment.pk)
        if current.version != payment.version:
            return False
        if look.checkout.is_live != (mode == "live") or current.mode != mode:
            _set_aside(current, now=now)
            return True
        before = PaymentState(current.state)
        state = next_state(before, state_seen(look.checkout))
        _learn(current, look.checkout, state=state, now=now)
        if state == _P.PAID:
            _act_on_money(current, claim, look.checkout, now=now)
            if look.disputes is not None:
                disputes.record_dispute(current, claim, look.disputes, now=now)
            if look.refunds is not None:
                refunds.record_vendor_refund(current, look.refunds, now=now)
            refunds.give_back_what_is_not_ours(current, claim, now=now)
        elif state == _P.PENDING != before:
            hold_keys_until(claim, until=now + HOLD_WHILE_PENDING, now=now)
        elif state in (_P.FAILED, _P.EXPIRED):
            _lapse_if_over(current, claim, now=now)
    return True


def _set_aside(payment: Payment, *, now: datetime) -> None:
    """Money of the other mode is never mixed with ours; a person looks."""
    logger.error("payment %s: the vendor's session is of another mode", payment.code)
    open_payment_case(about=payment.code, reason=CaseReason.WRONG_MODE, payment=payment, now=now)
    Payment.objects.filter(pk=payment.pk).update(looked_at=now)


def _learn(payment: Payment, checkout: Checkout, *, state: PaymentState, now: datetime) -> None:
    """Keep what the session says; a payment that is paid stays as it was paid."""
    if payment.state != state:
        payment.state = state
        payment.updated_at = now
        if state == _P.PAID:
            payment.paid_at = now
            payment.received = checkout.received or 0
            payment.received_currency = checkout.currency
    payment.session_id = payment.session_id or checkout.id
    payment.payment_intent_id = payment.payment_intent_id or checkout.payment_intent_id
    payment.charge_id = payment.charge_id or checkout.charge_id
    payment.looked_at = now
    payment.last_error = ""
    payment.version += 1
    payment.save(update_fields=_LEARNED)


def _act_on_money(payment: Payment, claim: Claim, checkout: Checkout, *, now: datetime) -> None:
    """Serve the claim for the money, once; or decide that the money goes back."""
    if Fulfilment.objects.filter(payment=payment).exists():
        return
    differs = amount_differences(
        checkout,
        amount=payment.amount,
        currency=payment.currency,
        claim_code=claim.code,
        payment_code=payment.code,
    )
    reason = reason_to_give_back(ClaimState(claim.state), differs=differs)
    outcome = _serve(claim, payment, now=now) if reason is None else CheckoutOutcome.GIVEN_BACK
    if outcome == CheckoutOutcome.GIVEN_BACK:
        refunds.plan_refund(
            payment, reason=reason or RefundReason.TOO_LATE, amount=payment.received or 0, now=now
        )
    if differs:
        _report_difference(payment, checkout, differs, now=now)
    Fulfilment.objects.create(
        payment=payment,
        claim=claim,
        outcome=outcome,
        amount=payment.received or 0,
        currency=payment.received_currency,
        at=now,
    )


def _serve(claim: Claim, payment: Payment, *, now: datetime) -> CheckoutOutcome:
    data = {"payment": payment.code, "amount": payment.received, "currency": payment.received_currency}
    if accept_payment(claim, data=data, now=now):
        return CheckoutOutcome.ACCEPTED
    if accept_late_payment(claim, data=data, now=now):
        return CheckoutOutcome.ACCEPTED_LATE
    return CheckoutOutcome.GIVEN_BACK


def _report_difference(
    payment: Payment, checkout: Checkout, differs: Sequence[str], *, now: datetime
) -> None:
    detail = (
        f"{', '.join(differs)}: {payment.amount} {payment.currency} asked, "
        f"{payment.received} {payment.received_currency} taken"
    )
    logger.error("payment %s differs in %s", payment.code, ", ".join(differs))
    open_payment_case(about=payment.code, reason=CaseReason.MISMATCH, payment=payment, detail=detail, now=now)


def _lapse_if_over(payment: Payment, claim: Claim, *, now: datetime) -> None:
    """A bank's no ends the claim; a session's end ends it only when its time is over too."""
    if claim.state != ClaimState.AWAITING_PAYMENT:
        return
    others = claim.payments.filter(state__in=LIVE_PAYMENT_STATES).exclude(pk=payment.pk)
    is_due = claim.payment_due_at is None or claim.payment_due_at <= now
    if (payment.state == _P.FAILED or is_due) and not others.exists():
        expire_unpaid(claim, money_may_come=False, now=now)


def let_go_of_the_database() -> None:
    """Give the connection back to the pool before the vendor is asked, which may take its time.

    Two hundred people on their way to the vendor's page must not keep those from claiming who pay nothing.
    """
    if not connection.in_atomic_block:
        connection.close()
