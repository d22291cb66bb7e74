"""Balance transactions, with the fee of each."""

from __future__ import annotations

from datetime import timedelta

from sandbox.stripe.account import StripeAccount, StripeCall
from sandbox.stripe.errors import no_such
from sandbox.stripe.paging import stripe_page
from sandbox.stripe.resources import objects
from sandbox.vendor_json import Json

AVAILABLE_AFTER = timedelta(days=2)


# 2.9 % and a fixed part, as card payments commonly cost; in minor units of each currency.
FEE_PER_MILLE = 29
_FIXED_FEES = {"usd": 30, "eur": 25, "gbp": 20, "jpy": 30, "krw": 300, "kwd": 90, "bhd": 110}


def fee_of(amount: int, currency: str) -> int:
    """Rounded half up, as `219` of `6500` cents."""
    return (amount * FEE_PER_MILLE + 500) // 1000 + _FIXED_FEES.get(currency, 30)


def book(
    account: StripeAccount, subject: Json, amount: int, *, fee: int = 0, kind: str, category: str = ""
) -> str:
    """Record the balance transaction of a charge, refund or dispute; returns its id."""
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


def retrieve_entry(account: StripeAccount, call: StripeCall) -> Json:
    try:
        return account.entries[call.ids["id"]]
    except KeyError:
        raise no_such("balance transaction", call.ids["id"]) from None


def list_entries(account: StripeAccount, call: StripeCall) -> Json:
    by = ("type", "source", "currency")
    return stripe_page(account.entries.values(), call.params, url="/v1/balance_transactions", by=by)
