"""Disputes: opened by the payer's bank, won or lost."""

from __future__ import annotations

from datetime import timedelta

from sandbox.stripe.account import StripeAccount, StripeCall
from sandbox.stripe.errors import invalid
from sandbox.stripe.paging import stripe_page
from sandbox.stripe.resources import objects
from sandbox.stripe.resources.balance_transactions import book
from sandbox.stripe.resources.events import publish_stripe_event
from sandbox.stripe.resources.expansion import expand_list, expand_object
from sandbox.vendor_json import Json


def open_dispute(account: StripeAccount, charged: Json, *, reason: str) -> Json:
    """Open a dispute: the payer's bank withdraws the money until it is decided."""
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
    """Decide a dispute: `won` returns the money, `lost` does not."""
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


def retrieve_dispute(account: StripeAccount, call: StripeCall) -> Json:
    return expand_object(account, account.dispute(call.ids["id"]), call.params)


def list_disputes(account: StripeAccount, call: StripeCall) -> Json:
    found = stripe_page(
        account.disputes.values(), call.params, url="/v1/disputes", by=("payment_intent", "charge")
    )
    return expand_list(account, found, call.params)
