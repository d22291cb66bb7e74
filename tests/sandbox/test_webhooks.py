"""Webhooks: signed, in order per parcel, repeated on the clock, and disabled when nobody listens."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from easypost.util import validate_webhook

from sandbox.client import Control
from sandbox.easypost.webhook_delivery import sign_easypost_event
from tests.sandbox import recordings
from tests.sandbox.conftest import Receiver
from tests.sandbox.vendor import InvalidRequestError, NotFoundError, SignatureVerificationError

Make = Callable[..., Any]
SECRET = "sécret"
JOURNEY = [
    ("tracker.created", "pre_transit"),
    ("tracker.updated", "pre_transit"),
    ("tracker.updated", "in_transit"),
    ("tracker.updated", "out_for_delivery"),
    ("tracker.updated", "delivered"),
]


@pytest.fixture
def hook(client: Any, receiver: Receiver) -> Any:
    return client.webhook.create(url=receiver.url, webhook_secret=SECRET)


def events(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.received]


def kinds(receiver: Receiver) -> list[tuple[str, str]]:
    return [(event["description"], event["result"]["status"]) for event in events(receiver)]


def test_a_parcels_journey_arrives_in_five_webhooks(
    hook: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    shipment = bought()
    counts = control.advance(300)
    assert kinds(receiver) == JOURNEY
    assert (counts["events"], counts["webhooks_delivered"], counts["webhooks_failed"]) == (5, 5, 0)
    created, first, second, *_ = events(receiver)
    assert created["result"]["shipment_id"] == shipment.id
    assert created["previous_attributes"] == {}
    assert first["previous_attributes"] == {"status": "unknown"}
    assert second["previous_attributes"] == {"status": "pre_transit"}
    assert created["pending_urls"] == [receiver.url]
    assert second["created_at"] == "2026-01-05T12:02:00.000Z"
    assert second["result"]["updated_at"] == "2026-01-05T12:01:00Z"  # One step behind, as in real ones.


def test_the_client_accepts_the_signature(
    hook: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    bought()
    control.advance(65)
    headers, body = receiver.received[0]
    event = validate_webhook(event_body=body, headers=headers, webhook_secret=SECRET)
    assert event["description"] == "tracker.created"
    with pytest.raises(SignatureVerificationError):
        validate_webhook(event_body=body + b" ", headers=headers, webhook_secret=SECRET)


@pytest.mark.skipif(not recordings.FOLDER.is_dir(), reason="the recordings (../shared/data) are not here")
def test_the_official_vector_is_signed_the_same() -> None:
    vector = json.loads((recordings.FOLDER / "webhook-hmac-vector.json").read_text())
    assert (
        sign_easypost_event(vector["secret"], vector["body_raw"].encode())
        == vector["header"]["X-Hmac-Signature"]
    )


def test_a_wrong_signature_can_be_asked_for(
    hook: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    control.add_fault("webhook_bad_signature")
    bought()
    control.advance(65)
    (bad_headers, bad), (headers, good) = receiver.received
    with pytest.raises(SignatureVerificationError):
        validate_webhook(event_body=bad, headers=bad_headers, webhook_secret=SECRET)
    validate_webhook(event_body=good, headers=headers, webhook_secret=SECRET)


def test_many_parcels_keep_their_order_each(
    hook: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    for _ in range(12):
        bought()
    receiver.slow_seconds = 0.005
    control.advance(300)
    by_parcel = defaultdict(list)
    for event in events(receiver):
        by_parcel[event["result"]["id"]].append((event["description"], event["result"]["status"]))
    assert list(by_parcel.values()) == [JOURNEY] * 12


def test_a_failed_delivery_is_repeated_on_the_clock_and_before_the_next_one(
    hook: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    control.settings(journey="realistic")
    bought()
    receiver.answers = [500, 503]
    control.advance(20 * 86_400)
    assert kinds(receiver) == [JOURNEY[0], JOURNEY[1], *JOURNEY]


def test_an_event_knows_who_has_it(
    client: Any, hook: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    bought()
    receiver.answers = [500]
    control.advance(35)
    (event,) = client.event.all()["events"]
    assert client.event.retrieve(event.id).pending_urls == [receiver.url]
    control.advance(120)
    done = client.event.retrieve(event.id)
    assert (done.pending_urls, done.completed_urls, done.status) == ([], [receiver.url], "completed")
    payloads = client.event.retrieve_all_payloads(event.id)["payloads"]
    assert [payload.response_code for payload in payloads] == [500, 200]


def test_silence_counts_as_failure(client: Any, bought: Make, control: Control, receiver: Receiver) -> None:
    closed = "http://127.0.0.1:1/hooks"
    client.webhook.create(url=closed)
    bought()
    counts = control.advance(65)
    assert (counts["webhooks_delivered"], counts["webhooks_failed"]) == (0, 2)


def test_an_endpoint_that_takes_nothing_for_a_day_is_disabled_until_it_is_updated(
    client: Any, hook: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    control.settings(journey="realistic")
    bought()
    receiver.answers = [500] * 100
    control.advance(25 * 3600)
    assert client.webhook.retrieve(hook.id).disabled_at is not None
    delivered = len(receiver.received)
    control.advance(20 * 86_400)
    assert len(receiver.received) == delivered
    receiver.answers = []
    assert client.webhook.update(hook.id, webhook_secret=SECRET).disabled_at is None
    bought()
    control.advance(120)
    assert len(receiver.received) == delivered + 2


def test_modes_have_their_own_endpoints(
    connect: Make, bought: Make, control: Control, receiver: Receiver
) -> None:
    connect("EZAKone").webhook.create(url=receiver.url)
    bought()
    control.advance(300)
    assert receiver.received == []


def test_an_endpoint_is_listed_changed_and_deleted(client: Any, receiver: Receiver) -> None:
    hook = client.webhook.create(url="example.com/hooks", custom_headers=[{"name": "a", "value": "b"}])
    assert hook.url == "http://example.com/hooks"
    assert "secret" not in json.dumps(hook.to_dict())
    changed = client.webhook.update(hook.id, url=receiver.url)
    assert [one.id for one in client.webhook.all()["webhooks"]] == [hook.id]
    assert (changed.url, changed.custom_headers[0].value) == (receiver.url, "b")
    client.webhook.delete(hook.id)
    with pytest.raises(NotFoundError):
        client.webhook.retrieve(hook.id)


@pytest.mark.parametrize("url", [None, "", 7])
def test_an_endpoint_needs_an_address(client: Any, url: Any) -> None:
    with pytest.raises(InvalidRequestError):
        client.webhook.create(url=url)
