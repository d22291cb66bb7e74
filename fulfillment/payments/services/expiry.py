"""Expire unpaid claims, and bring payments in line with their claim after it changed."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.payment_callbacks import expire_unpaid
from fulfillment.payments.gateways.base import PaymentGateway, PaymentGatewayError
from fulfillment.payments.models import Payment, Refund
from fulfillment.payments.rules.session_outcome import GRACE, PATIENCE
from fulfillment.payments.rules.states import LIVE_PAYMENT_STATES, CheckoutOutcome, PaymentState, RefundState
from fulfillment.payments.services import checkout as offers
from fulfillment.payments.services.refunds import send_refund
from fulfillment.payments.services.settlement import end_and_settle, settle_payment

logger = logging.getLogger("keydesk.payments")

_P = PaymentState
AT_MOST = 200
# How long to wait for webhooks before asking the vendor.
ASK_OPEN_AFTER = timedelta(minutes=20)
ASK_PENDING_AFTER = timedelta(hours=6)
ASK_REFUNDS_AFTER = timedelta(hours=12)
IDLE = timedelta(minutes=5)


def settle_claim(*, claim_id: int, gateway: PaymentGateway, now: datetime) -> None:
    """Bring all payments of a claim in line with it: expire obsolete sessions, refund obsolete payments.

    Raises: PaymentGatewayError: the vendor could not be reached; a retry continues.
    """
    claim = Claim.objects.get(pk=claim_id)
    for payment in claim.payments.order_by("attempt"):
        sync_payment(payment, claim, gateway=gateway, now=now)


def sync_payment(payment: Payment, claim: Claim, *, gateway: PaymentGateway, now: datetime) -> None:
    """Bring one payment in line with its claim."""
    is_wanted = claim.state == ClaimState.AWAITING_PAYMENT and (claim.payment_due_at or now) + GRACE > now
    if payment.session_id is None and payment.state == _P.PLANNED:
        checkout = offers.find_or_offer(payment, gateway=gateway, now=now)
        if checkout is None:
            return
        settle_payment(payment_id=payment.pk, gateway=gateway, now=now, known=checkout)
        payment.refresh_from_db()
    if is_wanted:
        settle_payment(payment_id=payment.pk, gateway=gateway, now=now)
    else:
        end_and_settle(payment=payment, gateway=gateway, now=now)


def expire_due_claims(*, gateway: PaymentGateway, now: datetime) -> int:
    """Expire claims that were not paid in time, after a final check at the vendor; return how many.

    If the vendor cannot be reached, the keys are kept a few hours longer. Later payments are handled when
    they arrive.
    """
    due = Claim.objects.filter(state=ClaimState.AWAITING_PAYMENT, payment_due_at__lte=now - GRACE)
    lapsed = 0
    for claim_id in list(due.order_by("payment_due_at", "pk").values_list("pk", flat=True)[:AT_MOST]):
        try:
            settle_claim(claim_id=claim_id, gateway=gateway, now=now)
        except PaymentGatewayError as error:
            logger.warning(
                "claim %s is past its payment deadline, and the vendor returned %s", claim_id, error.code
            )
            lapsed += _expire(claim_id, waited=PATIENCE, now=now)
        else:
            lapsed += _expire(claim_id, waited=GRACE, now=now)
    return lapsed


def _expire(claim_id: int, *, waited: timedelta, now: datetime) -> bool:
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=claim_id)
        if claim.payment_due_at is None or claim.payment_due_at + waited > now:
            return False
        under_way = claim.payments.filter(state__in=LIVE_PAYMENT_STATES).exists()
        return expire_unpaid(claim, money_may_come=under_way, now=now)


def ask_after_silence(*, gateway: PaymentGateway, now: datetime) -> int:
    """Ask the vendor about live payments and refunds without recent news; return how many.

    Makes up for lost webhooks, and for jobs whose worker died.
    """
    asked = 0
    for payment in list(_payments_without_news(now)[:AT_MOST]):
        claim = Claim.objects.get(pk=payment.claim_id)
        try:
            sync_payment(payment, claim, gateway=gateway, now=now)
        except PaymentGatewayError as error:
            logger.warning("payment %s: %s", payment.code, error.code)
            # The remaining ones are first in the next run.
            Payment.objects.filter(pk=payment.pk).update(looked_at=now)
        asked += 1
    unsent = Refund.objects.unsent().filter(created_at__lte=now - IDLE).order_by("created_at", "pk")
    for refund_id in list(unsent.values_list("pk", flat=True)[:AT_MOST]):
        try:
            send_refund(refund_id=refund_id, gateway=gateway, now=now)
        except PaymentGatewayError as error:
            logger.warning("refund %s: %s", refund_id, error.code)
        asked += 1
    return asked


def _payments_without_news(now: datetime) -> QuerySet[Payment]:
    quiet = {
        after: Q(looked_at__lte=now - after) | Q(looked_at__isnull=True, created_at__lte=now - after)
        for after in (IDLE, ASK_OPEN_AFTER, ASK_PENDING_AFTER, ASK_REFUNDS_AFTER)
    }
    is_silent = (
        Q(state=_P.PLANNED) & quiet[IDLE]
        | Q(state=_P.OPEN) & quiet[ASK_OPEN_AFTER]
        | Q(state=_P.PENDING) & quiet[ASK_PENDING_AFTER]
        | Q(state=_P.PAID, refunds__state=RefundState.PENDING) & quiet[ASK_REFUNDS_AFTER]
        | Q(state=_P.PAID, disputes__state="open") & quiet[ASK_REFUNDS_AFTER]
        # Cancelled claims whose refund job was lost.
        | Q(state=_P.PAID, claim__state=ClaimState.CANCELLED, refunds__isnull=True)
        & ~Q(fulfilment__outcome=CheckoutOutcome.GIVEN_BACK)
        & quiet[ASK_OPEN_AFTER]
    )
    return Payment.objects.filter(is_silent).distinct().order_by("looked_at", "pk")
