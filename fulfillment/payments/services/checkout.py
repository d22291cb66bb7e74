"""Start a checkout: commit the intent, create the vendor's session, store its id.

If the response is lost, a retry with the same key returns the same session.
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
from fulfillment.payments.services.settlement import release_connection, settle_payment
from fulfillment.payments.values import Checkout, Order, OrderLine
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.payments")

_P = PaymentState


def start_checkout(*, code: str, gateway: PaymentGateway, now: datetime) -> str:
    """The URL of the vendor's payment page: of the open session, or of a new one.

    Raises: NothingToPay: the claim is free, paid, or can no longer be paid.
            CheckoutNotReady: the vendor did not respond; nothing is charged and a retry is safe.
    Locks:  the claim's row while the intent is written; none during the call to the vendor.
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
    """The live payment, or a new one, committed before the vendor is called."""
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
    """Retrieve the session of a payment, or create it if its id was never stored.

    Returns: None if there is no session and none can be created: the payment is void or has expired.
    Raises:  PaymentGatewayError: the vendor did not respond; a retry is safe.
    Locks:   none; concurrent calls use the same key and get the same session.
    """
    if payment.session_id is not None:
        release_connection()
        return gateway.retrieve_checkout(payment.session_id)
    if payment.state != _P.PLANNED:
        return None
    if now >= payment.created_at + KEY_GOOD_FOR:
        # The vendor may have dropped the key, and any session of that time has expired. A paid one is
        # found in the vendor's list and by its events, which name the payment.
        found = _listed(payment, gateway=gateway)
        if found is None:
            _close(payment, _P.EXPIRED, now=now)
        return found
    order = _order(payment)
    release_connection()
    try:
        return gateway.create_checkout(order, key=payment.idempotency_key)
    except PaymentGatewayError as error:
        return _after_refusal(payment, error, gateway=gateway, now=now)


def _after_refusal(
    payment: Payment, error: PaymentGatewayError, *, gateway: PaymentGateway, now: datetime
) -> Checkout | None:
    """After an error, look for a session created nevertheless, or prepare a retry with a new key.

    The vendor repeats its first response to a key, errors included, so a retry needs a new key.
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
    """The payment's session in the vendor's list, found by its payment code."""
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
