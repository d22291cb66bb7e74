"""What happens to money: paid, refused, paid later, run out, sent back, disputed. Each with its events.

Every movement is a line of the account's own books (balance transactions), with the fee it cost.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.stripe import objects
from sandbox.stripe.account import CheckoutSession, StripeAccount
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.events import publish_stripe_event

Json = dict[str, Any]

AVAILABLE_AFTER = timedelta(days=2)
# 2.9 % and a fixed part, as card payments commonly cost; in minor units of each currency.
FEE_PER_MILLE = 29
_FIXED_FEES = {"usd": 30, "eur": 25, "gbp": 20, "jpy": 30, "krw": 300, "kwd": 90, "bhd": 110}


def fee_of(amount: int, currency: str) -> int:
    """Rounded half up, as `219` of `6500` cents."""
    return (amount * FEE_PER_MILLE + 500) // 1000 + _FIXED_FEES.get(currency, 30)


def settle_payment(account: StripeAccount, session: CheckoutSession) -> None:
    """The payer pays at once."""
    _check_open(session)
    if session.body["amount_total"] == 0:
        _complete(account, session, payment_status="no_payment_required")
        return
    intent = _new_intent(account, session)
    _succeed(account, intent)
    _complete(account, session, payment_status="paid")


def decline(account: StripeAccount, session: CheckoutSession) -> None:
    """The bank says no; the page stays open and the payer may try again."""
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
    """A bank that takes days: the session is complete, and the money is under way."""
    _check_open(session)
    intent = _new_intent(account, session)
    intent["processing"] = {"type": "card"}
    _complete(account, session, payment_status="unpaid")
    wait = timedelta(days=account.settings.async_days)

    def decide() -> None:
        decide_later(account, session, succeeded=account.settings.async_outcome == "succeeded")

    session.decision = account.world.agenda.put(account.now + wait, decide, key=session.body["id"])


def decide_later(account: StripeAccount, session: CheckoutSession, *, succeeded: bool) -> None:
    """The bank has decided on a payment that was under way."""
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
    """Nobody pays on this session any more."""
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


def book(
    account: StripeAccount, subject: Json, amount: int, *, fee: int = 0, kind: str, category: str = ""
) -> str:
    """A line of the books about a charge, refund or dispute; its id."""
    entry = objects.balance_transaction(
        amount=amount,
        fee=fee,
        currency=subject["currency"],
        kind=kind,
        category=category or kind,
        source=subject["id"],
        now=account.now,
        available=account.now + AVAILABLE_AFTER,
    )
    account.entries[entry["id"]] = entry
    return str(entry["id"])


def refund_charge(
    account: StripeAccount, charged: Json, *, amount: int | None, reason: str | None, metadata: dict[str, str]
) -> Json:
    """Send money back. Raises ApiError as Stripe refuses it."""
    left = charged["amount"] - charged["amount_refunded"]
    if charged["disputed"]:
        raise invalid("This charge has been charged back.", code="charge_disputed")
    if left == 0:
        message = f"Charge {charged['id']} has already been refunded."
        raise StripeError(400, message, code="charge_already_refunded")
    wanted = left if amount is None else amount
    if wanted < 1 or wanted > left:
        raise invalid(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    made = objects.refund_object(
        charged,
        amount=wanted,
        status=account.settings.refund_status,
        reason=reason,
        metadata=metadata,
        now=account.now,
    )
    account.refunds[made["id"]] = made
    made["balance_transaction"] = book(account, made, -wanted, kind="refund")
    _add_refunded(account, charged, wanted)
    publish_stripe_event(account, "refund.created", made, key=charged["payment_intent"])
    if made["status"] != "succeeded":
        arrives = account.now + timedelta(days=account.settings.refund_days)

        def arrive() -> None:
            if made["status"] in ("pending", "requires_action"):
                before, made["status"] = made["status"], "succeeded"
                publish_stripe_event(
                    account,
                    "refund.updated",
                    made,
                    previous={"status": before},
                    key=charged["payment_intent"],
                )

        account.world.agenda.put(arrives, arrive, key=charged["payment_intent"])
    return made


def fail_refund(account: StripeAccount, made: Json) -> None:
    """The bank sends a refund back, maybe days after it took it."""
    if made["status"] in ("failed", "canceled"):
        raise invalid("This refund has failed already.")
    charged = account.charges[made["charge"]]
    before, made["status"] = made["status"], "failed"
    made["failure_reason"] = "expired_or_canceled_card"
    made["failure_balance_transaction"] = book(
        account, made, made["amount"], kind="payment_failure_refund", category="refund_failure"
    )
    _add_refunded(account, charged, -made["amount"])
    key = charged["payment_intent"]
    publish_stripe_event(account, "refund.updated", made, previous={"status": before}, key=key)
    publish_stripe_event(account, "refund.failed", made, key=key)


def _add_refunded(account: StripeAccount, charged: Json, amount: int) -> None:
    before = charged["amount_refunded"]
    charged["amount_refunded"] = before + amount
    charged["refunded"] = charged["amount_refunded"] == charged["amount"]
    if amount > 0:
        previous: Json = {"amount_refunded": before}
        if charged["refunded"]:
            previous["refunded"] = False
        publish_stripe_event(
            account,
            "charge.refunded",
            charged,
            previous=previous,
            key=charged["payment_intent"],
        )


def open_dispute(account: StripeAccount, charged: Json, *, reason: str) -> Json:
    """The payer's bank takes the money back, until it has been decided."""
    if charged["disputed"]:
        raise invalid("This charge is disputed already.")
    due_by = account.now + timedelta(days=account.settings.evidence_days)
    made = objects.dispute_object(charged, reason=reason, due_by=due_by, now=account.now)
    if made["amount"] < 1:
        raise invalid("Nothing of this charge is left.")
    account.disputes[made["id"]] = made
    charged["disputed"] = True
    fee = account.settings.dispute_fee
    entry = book(account, made, -made["amount"], fee=fee, kind="adjustment", category="dispute")
    made["balance_transactions"] = [account.entries[entry]]
    publish_stripe_event(account, "charge.dispute.created", made, key=charged["payment_intent"])
    publish_stripe_event(account, "charge.dispute.funds_withdrawn", made, key=charged["payment_intent"])
    return made


def close_dispute(account: StripeAccount, made: Json, *, status: str) -> None:
    """It is decided: `won` brings the money back, `lost` does not."""
    if made["status"] in ("won", "lost") or status not in ("won", "lost"):
        raise invalid("A dispute is won or lost, once.")
    before, made["status"] = made["status"], status
    key = account.charges[made["charge"]]["payment_intent"]
    if status == "won":
        fee = account.settings.dispute_fee
        entry = book(account, made, made["amount"], fee=-fee, kind="adjustment", category="dispute_reversal")
        made["balance_transactions"].append(account.entries[entry])
        account.charges[made["charge"]]["disputed"] = False
        publish_stripe_event(account, "charge.dispute.funds_reinstated", made, key=key)
    publish_stripe_event(account, "charge.dispute.closed", made, previous={"status": before}, key=key)
