"""Events: what happened, fixed as the text that every webhook will carry."""

from __future__ import annotations

import json

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply
from sandbox.easypost.errors import EasyPostError, resource_not_found, wrong_type
from sandbox.easypost.formats import milli_stamp
from sandbox.easypost.ids import new_easypost_id
from sandbox.easypost.paging import easypost_page
from sandbox.easypost.store import StoredEvent
from sandbox.vendor_json import Json

_IN_LISTS = ("description", "id", "user_id", "status", "created_at", "mode", "object")


def publish_easypost_event(
    account: EasyPostAccount, description: str, result: Json, previous: Json, *, key: str
) -> StoredEvent:
    """Record an event and queue its webhooks. Events of one `key` are delivered in this order."""
    now = milli_stamp(account.now)
    urls = [hook.body["url"] for hook in account.store.webhooks.values() if hook.is_enabled]
    head = {
        "id": new_easypost_id("evt"),
        "object": "Event",
        "description": description,
        "mode": account.mode,
        "previous_attributes": previous,
        "created_at": now,
        "updated_at": now,
        "user_id": account.user_id,
        "status": "pending",
    }
    body = {**head, "pending_urls": urls, "completed_urls": [], "result": result}
    event = StoredEvent(
        id=str(head["id"]),
        description=description,
        status=str(result.get("status", "")),
        key=key,
        created_at=account.now,
        head=head,
        body=json.dumps(body, separators=(",", ":")).encode(),
        pending_urls=list(urls),
    )
    account.store.events[event.id] = event
    account.store.tally["events"] += 1
    account.webhook_sender.send(event)
    return event


def list_easypost_events(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    found, has_more = easypost_page(
        account.store.events.values(),
        call,
        now=account.now,
        id_of=lambda event: event.id,
        time_of=lambda event: event.created_at,
    )
    rows = [{name: event.head[name] for name in _IN_LISTS} for event in found]
    return Reply({"events": rows, "has_more": has_more})


def retrieve_stored_event(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """Get one event, without its result, which is sent in webhooks only."""
    event = _get(account, call.ids["id"])
    return Reply(event.head | {"pending_urls": event.pending_urls, "completed_urls": event.completed_urls})


def list_payloads(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """List the deliveries of an event with their requests and responses."""
    event = _get(account, call.ids["id"])
    return Reply({"payloads": [_with_body(payload, event) for payload in _payloads(account, event)]})


def retrieve_payload(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    event = _get(account, call.ids["id"])
    for payload in _payloads(account, event):
        if payload["id"] == call.ids["payload_id"]:
            return Reply(_with_body(payload, event))
    raise EasyPostError(404, "PAYLOAD.NOT_FOUND", "The payload(s) could not be found.")


def _get(account: EasyPostAccount, event_id: str) -> StoredEvent:
    if not event_id.startswith("evt_"):
        raise wrong_type("evt")
    try:
        return account.store.events[event_id]
    except KeyError:
        raise resource_not_found() from None


def _payloads(account: EasyPostAccount, event: StoredEvent) -> list[Json]:
    return account.store.payloads.get(event.id, [])


def _with_body(payload: Json, event: StoredEvent) -> Json:
    # The body is the event's own text; storing it once per delivery would double the memory.
    return payload | {"request_body": event.body.decode()}
