"""Update a payment from the vendor's current state; idempotent.

Webhooks, the return page and reconciliation all call `settle_payment`. It retrieves the session, its refunds
and disputes and acts on them; the content and order of events do not matter.
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
    immediate_refund_reason,
    next_state,
    state_seen,
)
from fulfillment.payments.rules.states import LIVE_PAYMENT_STATES, CheckoutOutcome, PaymentState, RefundReason
from fulfillment.payments.services import disputes, refunds
from fulfillment.payments.services.cases import open_payment_case
from fulfillment.payments.values import NOT_OPEN, Checkout, VendorDispute, VendorRefund
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.payments")

_P = PaymentState
ATTEMPTS = 5
_SESSION_FIELDS = [
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
class VendorState:
    """The vendor's state of one payment. None: not retrieved, because nothing indicates any."""

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
    """Update a payment, its claim, refunds and disputes from the vendor's state. Idempotent.

    Args:   known: the session, if the caller has just retrieved it.
            is_thorough: retrieve refunds and disputes even if nothing indicates any: a dispute that was
            opened and won without our knowledge leaves no trace on the charge.
            session_id: the session named by an event, used if the payment has none stored.
    Raises: PaymentGatewayError: the vendor could not be reached; nothing has changed.
    Locks:  none during calls to the vendor. Then the claim's row and the payment's; if the payment was
            updated in the meantime, the response is discarded and retrieved again, so that an old state
            never overwrites a newer one.
    After commit: refunds that are due are sent.
    """
    for _ in range(ATTEMPTS):
        payment = Payment.objects.get(pk=payment_id)
        release_connection()
        checkout = known or _checkout(payment, session_id, gateway=gateway)
        if checkout is None:
            return payment
        at_vendor = _vendor_state(payment, checkout, gateway=gateway, is_thorough=is_thorough)
        if _apply(payment, at_vendor, mode=gateway.mode, now=now):
            payment.refresh_from_db()
            return payment
        known = None
    raise PaymentGatewayError(Failure.RETRYABLE, "BUSY")


def end_and_settle(*, payment: Payment, gateway: PaymentGateway, now: datetime) -> Payment:
    """Expire a session that must no longer be paid, and settle the payment.

    Raises: PaymentGatewayError: the vendor could not be reached.
    """
    if payment.session_id is not None and payment.state in (_P.OPEN, _P.PLANNED):
        try:
            gateway.expire_checkout(payment.session_id)
        except PaymentGatewayError as error:
            # Complete or expired already; `settle_payment` finds out which.
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


def _vendor_state(
    payment: Payment, checkout: Checkout, *, gateway: PaymentGateway, is_thorough: bool
) -> VendorState:
    """Retrieve refunds and disputes, if there is an indication of any."""
    intent = checkout.payment_intent_id
    if intent is None or not checkout.is_paid:
        return VendorState(checkout)
    if checkout.received is None:
        # The charge becomes visible slightly later than the payment.
        raise PaymentGatewayError(Failure.RETRYABLE, "NO_CHARGE_YET")
    ask_refunds = is_thorough or checkout.refunded > 0 or payment.refunds.exists()
    ask_disputes = is_thorough or checkout.is_disputed or payment.disputes.exists()
    return VendorState(
        checkout,
        refunds=gateway.list_refunds(payment_intent_id=intent) if ask_refunds else None,
        disputes=gateway.list_disputes(payment_intent_id=intent) if ask_disputes else None,
    )


def _apply(payment: Payment, at_vendor: VendorState, *, mode: str, now: datetime) -> bool:
    """Record the vendor's state and act on it, in one transaction; return False if it is out of date."""
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=payment.claim_id)
        current = Payment.objects.select_for_update(no_key=True).get(pk=payment.pk)
        if current.version != payment.version:
            return False
        if at_vendor.checkout.is_live != (mode == "live") or current.mode != mode:
            _set_aside(current, now=now)
            return True
        before = PaymentState(current.state)
        state = next_state(before, state_seen(at_vendor.checkout))
        _record_session(current, at_vendor.checkout, state=state, now=now)
        if state == _P.PAID:
            _fulfil_or_refund(current, claim, at_vendor.checkout, now=now)
            if at_vendor.disputes is not None:
                disputes.record_dispute(current, claim, at_vendor.disputes, now=now)
            if at_vendor.refunds is not None:
                refunds.record_vendor_refund(current, at_vendor.refunds, now=now)
            refunds.refund_unearned(current, claim, now=now)
        elif state == _P.PENDING != before:
            hold_keys_until(claim, until=now + HOLD_WHILE_PENDING, now=now)
        elif state in (_P.FAILED, _P.EXPIRED):
            _expire_if_over(current, claim, now=now)
    return True


def _set_aside(payment: Payment, *, now: datetime) -> None:
    """Open a case for a session of the other mode and leave the payment unchanged."""
    logger.error("payment %s: the vendor's session is of another mode", payment.code)
    open_payment_case(about=payment.code, reason=CaseReason.WRONG_MODE, payment=payment, now=now)
    Payment.objects.filter(pk=payment.pk).update(looked_at=now)


def _record_session(payment: Payment, checkout: Checkout, *, state: PaymentState, now: datetime) -> None:
    """Record the session's data; the amount received is recorded once."""
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
    payment.save(update_fields=_SESSION_FIELDS)


def _fulfil_or_refund(payment: Payment, claim: Claim, checkout: Checkout, *, now: datetime) -> None:
    """Fulfil the claim once, or plan a refund."""
    if Fulfilment.objects.filter(payment=payment).exists():
        return
    differs = amount_differences(
        checkout,
        amount=payment.amount,
        currency=payment.currency,
        claim_code=claim.code,
        payment_code=payment.code,
    )
    reason = immediate_refund_reason(ClaimState(claim.state), differs=differs)
    outcome = _fulfil(claim, payment, now=now) if reason is None else CheckoutOutcome.GIVEN_BACK
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


def _fulfil(claim: Claim, payment: Payment, *, now: datetime) -> CheckoutOutcome:
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


def _expire_if_over(payment: Payment, claim: Claim, *, now: datetime) -> None:
    """Expire the claim if the bank declined, or if the session and the payment deadline have both passed."""
    if claim.state != ClaimState.AWAITING_PAYMENT:
        return
    others = claim.payments.filter(state__in=LIVE_PAYMENT_STATES).exclude(pk=payment.pk)
    is_due = claim.payment_due_at is None or claim.payment_due_at <= now
    if (payment.state == _P.FAILED or is_due) and not others.exists():
        expire_unpaid(claim, money_may_come=False, now=now)


def release_connection() -> None:
    """Return the connection to the pool before a slow call to the vendor.

    Otherwise two hundred concurrent checkouts would use up the connections that other requests need.
    """
    if not connection.in_atomic_block:
        connection.close()
