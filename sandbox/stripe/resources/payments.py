"""Payment intents and charges: paid, declined, paid later, expired. Each change publishes its events."""

from __future__ import annotations

from datetime import timedelta

from sandbox.stripe.account import StripeAccount, StripeCall
from sandbox.stripe.errors import invalid
from sandbox.stripe.resources import objects
from sandbox.stripe.resources.balance_transactions import book, fee_of
from sandbox.stripe.resources.events import publish_stripe_event
from sandbox.stripe.resources.expansion import expand_object
from sandbox.stripe.store import CheckoutSession
from sandbox.vendor_json import Json


def pay_session(account: StripeAccount, session: CheckoutSession) -> None:
    """Pay immediately."""
    _check_open(session)
    if session.body["amount_total"] == 0:
        _complete(account, session, payment_status="no_payment_required")
        return
    intent = _new_intent(account, session)
    _succeed(account, intent)
    _complete(account, session, payment_status="paid")


def decline(account: StripeAccount, session: CheckoutSession) -> None:
    """Decline the payment; the session stays open and the payer may try again."""
    _check_open(session)
    intent = objects.payment_intent(
        amount=session.body["amount_total"],
        currency=session.body["currency"],
        metadata=dict(session.money_metadata),
        receipt_email=session.receipt_email,
        is_live=account.is_live,
        now=account.now,
    )
    intent["status"] = "requires_payment_method"
    intent["last_payment_error"] = {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "generic_decline",
    }
    publish_stripe_event(account, "payment_intent.payment_failed", intent, key=session.body["id"])


def pay_later(account: StripeAccount, session: CheckoutSession) -> None:
    """Pay by a delayed method: the session is complete and the payment is processing."""
    _check_open(session)
    intent = _new_intent(account, session)
    intent["processing"] = {"type": "card"}
    _complete(account, session, payment_status="unpaid")
    wait = timedelta(days=account.settings.async_days)

    def decide() -> None:
        decide_later(account, session, succeeded=account.settings.async_outcome == "succeeded")

    session.decision = account.world.agenda.put(account.now + wait, decide, key=session.body["id"])


def decide_later(account: StripeAccount, session: CheckoutSession, *, succeeded: bool) -> None:
    """Settle a payment that is processing."""
    intent = account.intents.get(session.body["payment_intent"] or "")
    if intent is None or intent["status"] != "processing":
        raise invalid("This payment is not under way.")
    if session.decision is not None:
        session.decision.cancel()
    intent["processing"] = None
    if succeeded:
        _succeed(account, intent)
        session.body["payment_status"] = "paid"
        publish_stripe_event(
            account, "checkout.session.async_payment_succeeded", session.body, key=session.body["id"]
        )
        return
    intent["status"] = "requires_payment_method"
    intent["last_payment_error"] = {"type": "card_error", "code": "payment_intent_payment_attempt_failed"}
    publish_stripe_event(account, "payment_intent.payment_failed", intent, key=session.body["id"])
    publish_stripe_event(
        account, "checkout.session.async_payment_failed", session.body, key=session.body["id"]
    )


def expire(account: StripeAccount, session: CheckoutSession) -> None:
    """Expire a session."""
    if not session.is_open:
        status = session.body["status"]
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{status}`."
        )
    session.body |= {"status": "expired", "url": None}
    if session.ends is not None:
        session.ends.cancel()
    publish_stripe_event(account, "checkout.session.expired", session.body, key=session.body["id"])


def _check_open(session: CheckoutSession) -> None:
    if not session.is_open:
        raise invalid("This page is over.")


def _new_intent(account: StripeAccount, session: CheckoutSession) -> Json:
    intent = objects.payment_intent(
        amount=session.body["amount_total"],
        currency=session.body["currency"],
        metadata=dict(session.money_metadata),
        receipt_email=session.receipt_email,
        is_live=account.is_live,
        now=account.now,
    )
    account.intents[intent["id"]] = intent
    session.body["payment_intent"] = intent["id"]
    return intent


def _complete(account: StripeAccount, session: CheckoutSession, *, payment_status: str) -> None:
    session.body |= {
        "status": "complete",
        "payment_status": payment_status,
        "url": None,
        "customer_details": objects.customer_details(session.body["customer_email"]),
    }
    if session.ends is not None:
        session.ends.cancel()
    publish_stripe_event(account, "checkout.session.completed", session.body, key=session.body["id"])


def _succeed(account: StripeAccount, intent: Json) -> None:
    charged = objects.charge(intent, now=account.now)
    account.charges[charged["id"]] = charged
    intent |= {
        "status": "succeeded",
        "latest_charge": charged["id"],
        "amount_received": intent["amount"],
    }
    publish_stripe_event(account, "charge.succeeded", charged, key=intent["id"])
    publish_stripe_event(account, "payment_intent.succeeded", intent, key=intent["id"])
    lag = timedelta(seconds=account.settings.balance_lag_seconds)
    if lag:
        account.world.agenda.put(account.now + lag, lambda: _book_charge(account, charged), key=charged["id"])
    else:
        _book_charge(account, charged)


def _book_charge(account: StripeAccount, charged: Json) -> None:
    fee = fee_of(charged["amount"], charged["currency"])
    charged["balance_transaction"] = book(account, charged, charged["amount"], fee=fee, kind="charge")
    if account.settings.balance_lag_seconds:
        publish_stripe_event(
            account, "charge.updated", charged, previous={"balance_transaction": None}, key=charged["id"]
        )


def retrieve_intent(account: StripeAccount, call: StripeCall) -> Json:
    return expand_object(account, account.intent(call.ids["id"]), call.params)


def retrieve_charge(account: StripeAccount, call: StripeCall) -> Json:
    return expand_object(account, account.charge(call.ids["id"]), call.params)
