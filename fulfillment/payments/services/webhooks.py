"""Process the vendor's stored webhooks. A webhook only triggers a retrieval; its content is not trusted.

All stored webhooks of one payment are processed with one retrieval.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.models import Provider, Webhook, WebhookOutcome
from fulfillment.payments.gateways.base import PaymentGateway, PaymentGatewayError
from fulfillment.payments.models import Payment
from fulfillment.payments.services.cases import open_payment_case
from fulfillment.payments.services.settlement import settle_payment
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.payments")

Result = WebhookOutcome.Result
WORK_AT_ONCE = 500
_OURS = ("checkout.session.", "charge.", "refund.")


def work_payment_webhooks(*, gateway: PaymentGateway, now: datetime) -> int:
    """Process all stored webhooks that have no outcome yet; return how many.

    If the vendor does not respond for a payment, its webhooks wait for the next run.
    """
    worked = 0
    seen: set[int] = set()
    while batch := list(_unworked(seen)):
        seen.update(webhook.pk for webhook in batch)
        for subject, webhooks in _by_subject(batch).items():
            try:
                worked += _work(subject, webhooks, gateway=gateway, now=now)
            except PaymentGatewayError as error:
                logger.warning("%s webhooks wait for the vendor: %s", len(webhooks), error.code)
    return worked


def _unworked(seen: Iterable[int]) -> Iterable[Webhook]:
    rows = Webhook.objects.unworked().filter(provider=Provider.STRIPE).exclude(pk__in=seen)
    return rows[:WORK_AT_ONCE]


def _by_subject(webhooks: Iterable[Webhook]) -> dict[str, list[Webhook]]:
    """Group by payment code, else by payment intent, else by session."""
    found: dict[str, list[Webhook]] = {}
    for webhook in webhooks:
        body = webhook.body
        subject = body.get("payment") or body.get("payment_intent") or body.get("session") or webhook.event_id
        found.setdefault(f"{webhook.mode} {subject}", []).append(webhook)
    return found


def _work(subject: str, webhooks: list[Webhook], *, gateway: PaymentGateway, now: datetime) -> int:
    if webhooks[0].mode != gateway.mode:
        return _close(webhooks, Result.WRONG_MODE, now=now)
    ours = [webhook for webhook in webhooks if webhook.kind.startswith(_OURS)]
    closed = _close([webhook for webhook in webhooks if webhook not in ours], Result.IGNORED, now=now)
    if not ours:
        return closed
    payment = next(filter(None, (payment_of(webhook.body) for webhook in ours)), None)
    payment = payment or _by_money(ours, gateway=gateway)
    if payment is None:
        return closed + _close(ours, Result.UNKNOWN, now=now)
    before = payment.version
    session_ids = {webhook.body["session"] for webhook in ours if "session" in webhook.body}
    foreign = {one for one in session_ids if payment.session_id not in (None, one)}
    for session_id in sorted(foreign):
        logger.error("payment %s has session %s, and another", payment.code, payment.session_id)
        open_payment_case(about=session_id, reason=CaseReason.UNKNOWN_MONEY, payment=payment, now=now)
    settled = settle_payment(
        payment_id=payment.pk,
        gateway=gateway,
        now=now,
        session_id=next(iter(sorted(session_ids)), None),
    )
    if settled.session_id is None:
        # The response to our own first call, with the session's id, is still outstanding.
        raise PaymentGatewayError(Failure.RETRYABLE, "SESSION_NOT_KNOWN_YET")
    return closed + _close(ours, Result.APPLIED if settled.version > before else Result.STALE, now=now)


def payment_of(body: Mapping[str, Any]) -> Payment | None:
    """The payment of an event, by the ids it contains; None if unknown."""
    for field, name in (
        ("session_id", "session"),
        ("payment_intent_id", "payment_intent"),
        ("charge_id", "charge"),
        ("refunds__vendor_id", "refund"),
        ("code", "payment"),
    ):
        if name in body and (found := Payment.objects.filter(**{field: body[name]}).first()):
            return found
    return None


def _by_money(webhooks: Iterable[Webhook], *, gateway: PaymentGateway) -> Payment | None:
    """Look up the payment through its payment intent, for disputes and manual refunds."""
    for intent in sorted({w.body["payment_intent"] for w in webhooks if "payment_intent" in w.body}):
        try:
            money = gateway.retrieve_money(intent)
        except PaymentGatewayError as error:
            if error.status == 404:
                continue
            raise
        if payment := Payment.objects.filter(code=money.payment_code).first():
            return payment
    return None


def _close(webhooks: Iterable[Webhook], result: str, *, now: datetime) -> int:
    """Record the outcome of webhooks; return how many had none before."""
    closed = 0
    for webhook in webhooks:
        _, is_first = WebhookOutcome.objects.get_or_create(
            webhook=webhook, defaults={"result": result, "worked_at": now}
        )
        closed += is_first
    return closed
