"""Events: recorded with the object as it was at that moment, and handed to the courier."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.stripe import objects
from sandbox.stripe.account import StripeAccount

Json = dict[str, Any]


def publish_stripe_event(
    account: StripeAccount, kind: str, subject: Json, *, key: str, previous: Json | None = None
) -> Json:
    """Record an event and send it. Events of one `key` are delivered in this order, but for the faults."""
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
    account.courier.send(event, key=key)
    return event
