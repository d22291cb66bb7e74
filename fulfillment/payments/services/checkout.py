"""Offer a claim to be paid: the intent is committed, then the vendor is asked, then its session is kept.

If the answer is lost, the same call under the same key gives the same session.
"""

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max
from django.urls import reverse

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim, ClaimQuote
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.payment_callbacks import hold_keys_until
from fulfillment.payments.errors import CheckoutNotReady, NothingToPay
from fulfillment.payments.gateways.base import PaymentGateway, PaymentGatewayError
from fulfillment.payments.models import Payment
from fulfillment.payments.rules.session_outcome import KEY_GOOD_FOR, session_ends_at
from fulfillment.payments.rules.states import LIVE_PAYMENT_STATES, PaymentState
from fulfillment.payments.services.cases import open_payment_case
from fulfillment.payments.services.settlement import let_go_of_the_database, settle_payment
from fulfillment.payments.values import Checkout, Order, OrderLine
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.payments")

_P = PaymentState


def start_checkout(*, code: str, gateway: PaymentGateway, now: datetime) -> str:
    """Where the claimant pays: the page of the session under way, or of a new one.

    Raises: NothingToPay: the claim is free, paid or past paying.
            CheckoutNotReady: the vendor does not answer; nothing is charged and trying again is safe.
    Locks:  the claim's row while the intent is written; none while the vendor is asked.
    """
    payment = _intent(code, mode=gateway.mode, now=now)
    try:
        checkout = find_or_offer(payment, gateway=gateway, now=now)
        settle_payment(payment_id=payment.pk, gateway=gateway, now=now, known=checkout)
    except PaymentGatewayError as error:
        logger.warning("checkout of payment %s: %s", payment.code, error.code)
        raise CheckoutNotReady from None
    if checkout is not None and checkout.url is not None and checkout.status == "open":
        return checkout.url
    raise NothingToPay(code)


def _intent(code: str, *, mode: str, now: datetime) -> Payment:
    """The payment under way, or a new one, committed before anybody is asked."""
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).filter(code=code).first()
        if claim is None or claim.state != ClaimState.AWAITING_PAYMENT or claim.payment_due_at is None:
            raise NothingToPay(code)
        live = claim.payments.filter(state__in=LIVE_PAYMENT_STATES).first()
        if live is not None:
            return live
        if claim.payment_due_at <= now:
            raise NothingToPay(code)
        quote = ClaimQuote.objects.get(claim=claim)
        ends_at = session_ends_at(due_at=claim.payment_due_at, now=now)
        hold_keys_until(claim, until=ends_at, now=now)
        attempt = (claim.payments.aggregate(newest=Max("attempt"))["newest"] or 0) + 1
        return Payment.objects.create(
            claim=claim,
            attempt=attempt,
            mode=mode,
            amount=quote.total,
            currency=quote.currency,
            idempotency_key=f"co:{claim.code}:{attempt}",
            expires_at=ends_at,
            created_at=now,
            updated_at=now,
        )


def find_or_offer(payment: Payment, *, gateway: PaymentGateway, now: datetime) -> Checkout | None:
    """The session of a payment as it is now; offered (again) when its answer never came.

    Returns: None when there is none and none will be: the payment is void, or its time is over.
    Raises:  PaymentGatewayError: the vendor does not say. Whatever it was asked can be asked again.
    Locks:   none; two at once ask under the same key and are told of the same session.
    """
    if payment.session_id is not None:
        let_go_of_the_database()
        return gateway.retrieve_checkout(payment.session_id)
    if payment.state != _P.PLANNED:
        return None
    if now >= payment.created_at + KEY_GOOD_FOR:
        # The key may be forgotten by now, and any session of that time is over. One that was paid is
        # found in the vendor's list and by its events, which name the payment.
        found = _listed(payment, gateway=gateway)
        if found is None:
            _close(payment, _P.EXPIRED, now=now)
        return found
    order = _order(payment)
    let_go_of_the_database()
    try:
        return gateway.create_checkout(order, key=payment.idempotency_key)
    except PaymentGatewayError as error:
        return _after_refusal(payment, error, gateway=gateway, now=now)


def _after_refusal(
    payment: Payment, error: PaymentGatewayError, *, gateway: PaymentGateway, now: datetime
) -> Checkout | None:
    """The vendor's last word under this key is no session: was one made all the same?

    The first answer under a key is its answer for ever, a failure too. So a new attempt needs a new key,
    and a look before whether the old one left anything.
    """
    Payment.objects.filter(pk=payment.pk).update(last_error=error.code)
    if error.failure is not Failure.PERMANENT and not error.is_kept:
        raise error
    found = _listed(payment, gateway=gateway)
    if found is not None:
        return found
    _close(payment, _P.VOID, now=now)
    if error.failure is Failure.PERMANENT:
        open_payment_case(
            about=payment.code,
            reason=CaseReason.CHECKOUT_REFUSED,
            payment=payment,
            detail=error.code,
            now=now,
        )
    raise error


def _listed(payment: Payment, *, gateway: PaymentGateway) -> Checkout | None:
    """The payment's session among those made since, by the code it carries."""
    for checkout in gateway.list_checkouts(since=payment.created_at):
        if checkout.payment_code == payment.code:
            return checkout
    return None


def _close(payment: Payment, state: PaymentState, *, now: datetime) -> None:
    Payment.objects.filter(pk=payment.pk, state=_P.PLANNED, session_id__isnull=True).update(
        state=state, updated_at=now, version=F("version") + 1
    )


def _order(payment: Payment) -> Order:
    claim = Claim.objects.select_related("account").get(pk=payment.claim_id)
    quote = ClaimQuote.objects.get(claim=claim).as_quote()
    page = settings.SITE_URL + reverse("payments:paid", args=[claim.code])
    return Order(
        claim_code=claim.code,
        payment_code=payment.code,
        currency=payment.currency,
        tax_behavior=quote.tax_behavior,
        lines=[OrderLine(line.label, line.quantity, line.unit_amount) for line in quote.lines],
        expires_at=payment.expires_at,
        success_url=f"{page}?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=settings.SITE_URL + reverse("payments:pay", args=[claim.code]),
        email=claim.account.email,
    )
