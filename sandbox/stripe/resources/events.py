"""Events: recorded with the object as it was at that moment, and sent to the webhook endpoints."""

from __future__ import annotations

import copy
from datetime import timedelta

from sandbox.stripe.account import StripeAccount, StripeCall
from sandbox.stripe.errors import no_such
from sandbox.stripe.paging import stripe_page
from sandbox.stripe.resources import objects
from sandbox.vendor_json import Json


def publish_stripe_event(
    account: StripeAccount, kind: str, subject: Json, *, key: str, previous: Json | None = None
) -> Json:
    """Record an event and send it. Events of one `key` are delivered in this order, except under faults."""
    wanted = [one for one in account.endpoints.values() if one.is_enabled and one.wants(kind)]
    event = objects.event(
        kind=kind,
        subject=copy.deepcopy(subject),
        previous=previous,
        is_live=account.is_live,
        pending=len(wanted),
        now=account.now,
    )
    account.events[event["id"]] = event
    account.tally["events"] += 1
    account.webhook_sender.send(event, key=key)
    return event


def retrieve_event(account: StripeAccount, call: StripeCall) -> Json:
    try:
        return account.events[call.ids["id"]]
    except KeyError:
        raise no_such("event", call.ids["id"]) from None


def list_events(account: StripeAccount, call: StripeCall) -> Json:
    """List the events of thirty days, filtered by `types[]`, `type` and `delivery_success`."""
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
