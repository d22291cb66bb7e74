"""Checkout sessions: create, list and expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.stripe.account import StripeAccount, StripeCall
from sandbox.stripe.errors import invalid
from sandbox.stripe.form_encoding import form_text, metadata, whole_number
from sandbox.stripe.ids import new_stripe_id
from sandbox.stripe.paging import stripe_page
from sandbox.stripe.resources import objects, payments
from sandbox.stripe.resources.expansion import expand_list, expand_object
from sandbox.stripe.store import CheckoutSession
from sandbox.vendor_json import Json

SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)
_KNOWN = {
    "mode", "client_reference_id", "metadata", "payment_intent_data", "customer_email", "line_items",
    "adaptive_pricing", "expires_at", "success_url", "cancel_url", "payment_method_types", "expand",
}  # fmt: skip
_SMALLEST = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "krw": 700, "kwd": 200}


def create_session(account: StripeAccount, call: StripeCall) -> Json:
    params = call.params
    if unknown := sorted(set(params) - _KNOWN):
        raise invalid(f"Received unknown parameter: {unknown[0]}", param=unknown[0], code="parameter_unknown")
    if params.get("mode") != "payment":
        raise invalid("This stand-in knows mode=payment only.", param="mode")
    for name in ("success_url", "cancel_url"):
        url = form_text(params.get(name), name)
        if not url.startswith(("http://", "https://")):
            raise invalid("Not a valid URL", param=name, code="url_invalid")
    lines = _lines(params.get("line_items"))
    currency = lines[0]["currency"]
    amount = sum(line["amount_total"] for line in lines)
    if 0 < amount < _SMALLEST.get(currency, 50):
        raise invalid(
            "The Checkout Session's total amount due must add up to at least the minimum.",
            code="amount_too_small",
        )
    if params.get("client_reference_id") is not None:
        form_text(params["client_reference_id"], "client_reference_id", longest=200)
    session_id = new_stripe_id(f"cs_{account.mode}")
    expires_at = _expiry(account, params.get("expires_at"))
    money = params.get("payment_intent_data") or {}
    body = objects.session(
        session_id=session_id,
        amount=amount,
        currency=currency,
        params=params,
        metadata=metadata(params.get("metadata")),
        is_live=account.is_live,
        now=account.now,
        expires_at=objects.unix(expires_at),
        url=f"{call.origin}/c/pay/{session_id}",
    )
    session = CheckoutSession(body, lines, metadata(money.get("metadata")), money.get("receipt_email"))
    account.sessions[session_id] = session

    def run_out() -> None:
        if session.is_open:
            payments.expire(account, session)

    session.ends = account.world.agenda.put(expires_at, run_out, key=session_id)
    return expand_object(account, body, params)


def _lines(given: object) -> list[Json]:
    if not isinstance(given, list) or not given:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    lines = []
    for number, item in enumerate(given):
        where = f"line_items[{number}]"
        price = item.get("price_data") if isinstance(item, dict) else None
        if not isinstance(price, dict):
            raise invalid("Give price_data.", param=where)
        currency = form_text(price.get("currency"), f"{where}[price_data][currency]")
        if currency != currency.lower() or len(currency) != 3:
            raise invalid(f"Invalid currency: {currency}", param=f"{where}[price_data][currency]")
        lines.append(
            objects.line_item(
                name=form_text((price.get("product_data") or {}).get("name"), f"{where}[product_data][name]"),
                quantity=whole_number(item.get("quantity", 1), f"{where}[quantity]", at_least=1),
                unit_amount=whole_number(
                    price.get("unit_amount"), f"{where}[price_data][unit_amount]", at_least=0
                ),
                currency=currency,
                tax_behavior=str(price.get("tax_behavior", "unspecified")),
            )
        )
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("You cannot combine currencies on a single Checkout Session.", param="line_items")
    return lines


def _expiry(account: StripeAccount, given: object) -> datetime:
    if given is None:
        return account.now + LONGEST
    at = datetime.fromtimestamp(whole_number(given, "expires_at"), UTC)
    if not account.now + SHORTEST <= at <= account.now + LONGEST:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from creation.",
            param="expires_at",
        )
    return at


def retrieve_session(account: StripeAccount, call: StripeCall) -> Json:
    return expand_object(account, account.session(call.ids["id"]).body, call.params)


def list_sessions(account: StripeAccount, call: StripeCall) -> Json:
    bodies = [session.body for session in account.sessions.values()]
    by = ("payment_intent", "status", "customer")
    return expand_list(
        account, stripe_page(bodies, call.params, url="/v1/checkout/sessions", by=by), call.params
    )


def expire_session(account: StripeAccount, call: StripeCall) -> Json:
    session = account.session(call.ids["id"])
    payments.expire(account, session)
    return expand_object(account, session.body, call.params)


def list_session_lines(account: StripeAccount, call: StripeCall) -> Json:
    session = account.session(call.ids["id"])
    url = f"/v1/checkout/sessions/{session.body['id']}/line_items"
    return {"object": "list", "url": url, "has_more": False, "data": session.lines}
