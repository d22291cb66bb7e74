"""Strict parsing of Stripe's objects into our values."""

import re
from datetime import UTC, datetime
from typing import Any

from fulfillment.payments.gateways.base import PaymentGatewayError
from fulfillment.payments.values import BalanceEntry, Checkout, Money, VendorDispute, VendorRefund
from fulfillment.vendor_failures import Failure

Json = dict[str, Any]

# A payment intent is `processing` while the bank decides.
_REFUSED = ("requires_payment_method", "canceled")

_ID = re.compile(r"[a-z]+_[0-9A-Za-z_]{1,200}", re.ASCII)


def is_stripe_id(value: object, *prefixes: str) -> bool:
    """Whether this is a well-formed id with one of these prefixes."""
    return (
        isinstance(value, str)
        and _ID.fullmatch(value) is not None
        and value.startswith(tuple(f"{prefix}_" for prefix in prefixes))
    )


def check_id(value: object, *prefixes: str) -> None:
    if not is_stripe_id(value, *prefixes):
        raise PaymentGatewayError(Failure.PERMANENT, "BAD_ID")


def read_checkout(body: Json) -> Checkout:
    """A checkout session, with its payment intent and charge if they are expanded."""
    check_id(body["id"], "cs")
    intent = body.get("payment_intent")
    money: Json = intent if isinstance(intent, dict) else {}
    charge = money.get("latest_charge")
    taken: Json = charge if isinstance(charge, dict) else {}
    places = [
        body.get("client_reference_id"),
        _metadata(body).get("claim"),
        *([_metadata(money).get("claim")] if money else []),
    ]
    return Checkout(
        id=body["id"],
        status=str(body["status"]),
        payment_status=str(body["payment_status"]),
        amount=_amount(body["amount_total"]) if body["amount_total"] is not None else None,
        currency=str(taken.get("currency") or body["currency"]).upper(),
        claim_codes=frozenset(str(place or "") for place in places),
        payment_code=str(_metadata(body).get("payment", "")),
        is_live=_flag(body["livemode"]),
        url=body.get("url"),
        created_at=_time(body["created"]),
        expires_at=_time(body["expires_at"]),
        payment_intent_id=_reference(intent, "pi"),
        charge_id=_reference(charge, "ch", "py"),
        is_refused=money.get("status") in _REFUSED,
        received=_amount(taken["amount_captured"]) if taken.get("paid") else None,
        refunded=_amount(taken.get("amount_refunded", 0)),
        is_disputed=bool(taken.get("disputed", False)),
    )


def read_money(body: Json) -> Money:
    check_id(body["id"], "pi")
    metadata = _metadata(body)
    return Money(
        id=body["id"],
        payment_code=str(metadata.get("payment", "")),
        claim_code=str(metadata.get("claim", "")),
        is_live=_flag(body["livemode"]),
    )


def read_refund(body: Json) -> VendorRefund:
    check_id(body["id"], "re", "pyr")
    intent = _reference(body.get("payment_intent"), "pi")
    return VendorRefund(
        id=body["id"],
        status=str(body["status"]),
        amount=_amount(body["amount"]),
        currency=str(body["currency"]).upper(),
        payment_intent_id=intent or "",
        refund_code=str(_metadata(body).get("refund", "")),
        created_at=_time(body["created"]),
        failure=str(body.get("failure_reason") or ""),
    )


def read_dispute(body: Json) -> VendorDispute:
    check_id(body["id"], "du", "dp")
    due_by = (body.get("evidence_details") or {}).get("due_by")
    return VendorDispute(
        id=body["id"],
        status=str(body["status"]),
        reason=str(body["reason"]),
        amount=_amount(body["amount"]),
        currency=str(body["currency"]).upper(),
        payment_intent_id=_reference(body.get("payment_intent"), "pi") or "",
        created_at=_time(body["created"]),
        due_by=_time(due_by) if due_by is not None else None,
    )


def read_entry(body: Json) -> BalanceEntry:
    check_id(body["id"], "txn")
    amount, fee, net = (_signed(body[name]) for name in ("amount", "fee", "net"))
    if amount - fee != net:
        raise PaymentGatewayError(Failure.PERMANENT, "BOOKS_DO_NOT_ADD_UP")
    source = body.get("source")
    return BalanceEntry(
        id=body["id"],
        kind=str(body["type"]),
        category=str(body["reporting_category"]),
        source_id=str(source["id"] if isinstance(source, dict) else source or ""),
        amount=amount,
        fee=fee,
        net=net,
        currency=str(body["currency"]).upper(),
        exchange_rate=str(body["exchange_rate"]) if body.get("exchange_rate") is not None else "",
        created_at=_time(body["created"]),
        available_at=_time(body["available_on"]),
    )


def _metadata(body: Json) -> Json:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _reference(value: object, *prefixes: str) -> str | None:
    """The id of an object that may or may not be expanded."""
    found = value.get("id") if isinstance(value, dict) else value
    if found is None:
        return None
    check_id(found, *prefixes)
    return str(found)


def _amount(value: object) -> int:
    amount = _signed(value)
    if amount < 0:
        raise ValueError("an amount is not negative")
    return amount


def _signed(value: object) -> int:
    # Rejects bool, which is a subclass of int, and values like "100" or 1.0.
    if type(value) is not int:
        raise TypeError("an amount is a whole number")
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError("livemode is true or false")
    return value


def _time(value: object) -> datetime:
    return datetime.fromtimestamp(_signed(value), UTC)
