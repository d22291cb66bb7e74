"""Webhook endpoints and their secrets."""

from __future__ import annotations

from sandbox.stripe.account import StripeAccount, StripeCall
from sandbox.stripe.errors import invalid, no_such
from sandbox.stripe.form_encoding import form_text
from sandbox.stripe.ids import new_secret
from sandbox.stripe.paging import stripe_page
from sandbox.stripe.resources import objects
from sandbox.stripe.store import Endpoint
from sandbox.vendor_json import Json


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
    # The secret is returned on creation only.
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
