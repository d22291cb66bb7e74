"""What each call of the API does: parameters in, an object out, or Stripe's refusal."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.stripe import money as bank
from sandbox.stripe import objects
from sandbox.stripe.account import CheckoutSession, Endpoint, StripeAccount
from sandbox.stripe.errors import invalid, no_such
from sandbox.stripe.form_encoding import form_text, metadata, whole_number
from sandbox.stripe.ids import new_secret, new_stripe_id
from sandbox.stripe.paging import stripe_page

Json = dict[str, Any]

SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)
DEEPEST_EXPANSION = 4
_KNOWN = {
    "mode", "client_reference_id", "metadata", "payment_intent_data", "customer_email", "line_items",
    "adaptive_pricing", "expires_at", "success_url", "cancel_url", "payment_method_types", "expand",
}  # fmt: skip
_SMALLEST = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "krw": 700, "kwd": 200}
REFUND_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


@dataclass(slots=True)
class StripeCall:
    """One request: ids from the path, parameters from the form or the query."""

    origin: str
    ids: Mapping[str, str]
    params: Json = field(default_factory=dict)


Handler = Callable[[StripeAccount, StripeCall], Json]


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
            bank.expire(account, session)

    session.ends = account.world.agenda.put(expires_at, run_out, key=session_id)
    return _expanded(account, body, params)


def _lines(given: Any) -> list[Json]:
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


def _expiry(account: StripeAccount, given: Any) -> datetime:
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
    return _expanded(account, account.session(call.ids["id"]).body, call.params)


def list_sessions(account: StripeAccount, call: StripeCall) -> Json:
    bodies = [session.body for session in account.sessions.values()]
    by = ("payment_intent", "status", "customer")
    return _listed(account, stripe_page(bodies, call.params, url="/v1/checkout/sessions", by=by), call.params)


def expire_session(account: StripeAccount, call: StripeCall) -> Json:
    session = account.session(call.ids["id"])
    bank.expire(account, session)
    return _expanded(account, session.body, call.params)


def list_session_lines(account: StripeAccount, call: StripeCall) -> Json:
    session = account.session(call.ids["id"])
    url = f"/v1/checkout/sessions/{session.body['id']}/line_items"
    return {"object": "list", "url": url, "has_more": False, "data": session.lines}


def retrieve_intent(account: StripeAccount, call: StripeCall) -> Json:
    return _expanded(account, account.intent(call.ids["id"]), call.params)


def retrieve_charge(account: StripeAccount, call: StripeCall) -> Json:
    return _expanded(account, account.charge(call.ids["id"]), call.params)


def create_refund(account: StripeAccount, call: StripeCall) -> Json:
    params = call.params
    intent_id = params.get("payment_intent")
    charged = account.charge_of(account.intent(form_text(intent_id, "payment_intent"))["id"])
    if charged is None:
        raise invalid(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    amount = params.get("amount")
    reason = params.get("reason")
    if reason is not None and reason not in REFUND_REASONS:
        raise invalid("Invalid reason", param="reason")
    made = bank.refund_charge(
        account,
        charged,
        amount=None if amount is None else whole_number(amount, "amount", at_least=1),
        reason=reason,
        metadata=metadata(params.get("metadata")),
    )
    return _expanded(account, made, params)


def retrieve_refund(account: StripeAccount, call: StripeCall) -> Json:
    return _expanded(account, account.refund(call.ids["id"]), call.params)


def list_refunds(account: StripeAccount, call: StripeCall) -> Json:
    found = stripe_page(
        account.refunds.values(), call.params, url="/v1/refunds", by=("payment_intent", "charge")
    )
    return _listed(account, found, call.params)


def retrieve_dispute(account: StripeAccount, call: StripeCall) -> Json:
    return _expanded(account, account.dispute(call.ids["id"]), call.params)


def list_disputes(account: StripeAccount, call: StripeCall) -> Json:
    found = stripe_page(
        account.disputes.values(), call.params, url="/v1/disputes", by=("payment_intent", "charge")
    )
    return _listed(account, found, call.params)


def retrieve_entry(account: StripeAccount, call: StripeCall) -> Json:
    try:
        return account.entries[call.ids["id"]]
    except KeyError:
        raise no_such("balance transaction", call.ids["id"]) from None


def list_entries(account: StripeAccount, call: StripeCall) -> Json:
    by = ("type", "source", "currency")
    return stripe_page(account.entries.values(), call.params, url="/v1/balance_transactions", by=by)


def retrieve_event(account: StripeAccount, call: StripeCall) -> Json:
    try:
        return account.events[call.ids["id"]]
    except KeyError:
        raise no_such("event", call.ids["id"]) from None


def list_events(account: StripeAccount, call: StripeCall) -> Json:
    """Of thirty days; `types[]`, `type` and `delivery_success` choose among them."""
    wanted = call.params.get("types")
    oldest = objects.unix(account.now - timedelta(days=30))
    failed_only = call.params.get("delivery_success") == "false"
    events = [
        event
        for event in account.events.values()
        if event["created"] >= oldest
        and (wanted is None or event["type"] in wanted)
        and (not failed_only or event["pending_webhooks"] > 0)
    ]
    return stripe_page(events, call.params, url="/v1/events", by=("type",))


def create_endpoint(account: StripeAccount, call: StripeCall) -> Json:
    url = form_text(call.params.get("url"), "url")
    events = call.params.get("enabled_events")
    if not isinstance(events, list) or not events:
        raise invalid("Missing required param: enabled_events.", param="enabled_events")
    version = call.params.get("api_version")
    secret = new_secret()
    body = objects.endpoint(
        url=url, events=list(events), api_version=version, is_live=account.is_live, now=account.now
    )
    account.endpoints[body["id"]] = Endpoint(body, [secret])
    # The secret is told now and never again.
    return body | {"secret": secret}


def _endpoint(account: StripeAccount, call: StripeCall) -> Endpoint:
    try:
        return account.endpoints[call.ids["id"]]
    except KeyError:
        raise no_such("webhook endpoint", call.ids["id"]) from None


def retrieve_endpoint(account: StripeAccount, call: StripeCall) -> Json:
    return _endpoint(account, call).body


def update_endpoint(account: StripeAccount, call: StripeCall) -> Json:
    endpoint = _endpoint(account, call)
    if "url" in call.params:
        endpoint.body["url"] = form_text(call.params["url"], "url")
    if "enabled_events" in call.params:
        endpoint.body["enabled_events"] = list(call.params["enabled_events"])
    if "disabled" in call.params:
        endpoint.body["status"] = "disabled" if call.params["disabled"] == "true" else "enabled"
    return endpoint.body


def delete_endpoint(account: StripeAccount, call: StripeCall) -> Json:
    endpoint_id = _endpoint(account, call).body["id"]
    del account.endpoints[endpoint_id]
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def list_endpoints(account: StripeAccount, call: StripeCall) -> Json:
    bodies = [endpoint.body for endpoint in account.endpoints.values()]
    return stripe_page(bodies, call.params, url="/v1/webhook_endpoints")


def _listed(account: StripeAccount, found: Json, params: Json) -> Json:
    """A list with what `expand[]=data.…` asks for."""
    paths = [path.removeprefix("data.") for path in _expansions(params) if path.startswith("data.")]
    return found | {"data": [_expand_all(account, item, paths) for item in found["data"]]}


def _expanded(account: StripeAccount, body: Json, params: Json) -> Json:
    return _expand_all(account, body, _expansions(params))


def _expansions(params: Json) -> list[str]:
    given = params.get("expand", [])
    paths = given if isinstance(given, list) else [given]
    for path in paths:
        if path.count(".") >= DEEPEST_EXPANSION:
            raise invalid("You cannot expand more than 4 levels of a property", param="expand")
    return list(paths)


def _expand_all(account: StripeAccount, body: Json, paths: list[str]) -> Json:
    made = copy.deepcopy(body)
    for path in paths:
        _expand(account, made, path.split("."))
    return made


def _expand(account: StripeAccount, body: Json, path: list[str]) -> None:
    name, rest = path[0], path[1:]
    if name == "line_items" and body.get("object") == "checkout.session":
        lines = account.sessions[body["id"]].lines
        url = f"/v1/checkout/sessions/{body['id']}/line_items"
        body[name] = {"object": "list", "url": url, "has_more": False, "data": lines}
        return
    if name not in body:
        raise invalid(f"This property cannot be expanded ({name}).", param="expand")
    if isinstance(body[name], str):
        tables: tuple[dict[str, Json], ...] = (
            account.intents, account.charges, account.refunds, account.entries, account.disputes,
        )  # fmt: skip
        found = next((table[body[name]] for table in tables if body[name] in table), None)
        if found is None:
            return
        body[name] = copy.deepcopy(found)
    if rest and isinstance(body[name], dict):
        _expand(account, body[name], rest)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/checkout/sessions", create_session),
    ("GET", "/checkout/sessions", list_sessions),
    ("GET", "/checkout/sessions/{id}", retrieve_session),
    ("POST", "/checkout/sessions/{id}/expire", expire_session),
    ("GET", "/checkout/sessions/{id}/line_items", list_session_lines),
    ("GET", "/payment_intents/{id}", retrieve_intent),
    ("GET", "/charges/{id}", retrieve_charge),
    ("POST", "/refunds", create_refund),
    ("GET", "/refunds", list_refunds),
    ("GET", "/refunds/{id}", retrieve_refund),
    ("GET", "/disputes", list_disputes),
    ("GET", "/disputes/{id}", retrieve_dispute),
    ("GET", "/balance_transactions", list_entries),
    ("GET", "/balance_transactions/{id}", retrieve_entry),
    ("GET", "/events", list_events),
    ("GET", "/events/{id}", retrieve_event),
    ("POST", "/webhook_endpoints", create_endpoint),
    ("GET", "/webhook_endpoints", list_endpoints),
    ("GET", "/webhook_endpoints/{id}", retrieve_endpoint),
    ("POST", "/webhook_endpoints/{id}", update_endpoint),
    ("DELETE", "/webhook_endpoints/{id}", delete_endpoint),
)
