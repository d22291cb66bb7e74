"""Faults: each kind goes wrong as described, as often as asked, and then never again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Control, ControlError
from sandbox.faults import Fault, FaultPlan
from tests.sandbox.conftest import Receiver
from tests.sandbox.vendor import (
    HttpError,
    InternalServerError,
    JsonError,
    RateLimitError,
    ServiceUnavailableError,
    TimeoutError,
    UnknownApiError,
)

Make = Callable[..., Any]
BUY = {"method": "POST", "path": "/shipments/*/buy"}

# kind and details of a fault on the purchase, the error that the client raises, and whether a label was bought.
ON_PURCHASE = [
    ("drop", {"moment": "before"}, HttpError, 0),
    ("drop", {"moment": "after"}, HttpError, 1),
    ("status", {"status": 429}, RateLimitError, 0),
    ("status", {"status": 429, "retry_after": 2}, RateLimitError, 0),
    ("status", {"status": 423}, UnknownApiError, 0),
    ("status", {"status": 500, "moment": "before"}, InternalServerError, 0),
    ("status", {"status": 500, "moment": "after"}, InternalServerError, 1),
    ("status", {"status": 503, "moment": "after"}, ServiceUnavailableError, 1),
    ("html", {"moment": "before"}, JsonError, 0),
    ("html", {"moment": "after"}, JsonError, 1),
    ("garbage", {"moment": "after"}, JsonError, 1),
]


@pytest.mark.parametrize(("kind", "details", "error", "labels"), ON_PURCHASE)
def test_a_purchase_goes_wrong_once(
    client: Any,
    quoted: Make,
    control: Control,
    kind: str,
    details: dict[str, Any],
    error: type[Exception],
    labels: int,
) -> None:
    shipment = quoted()
    control.add_fault(kind, **BUY, **details)
    with pytest.raises(error):
        client.shipment.buy(shipment.id, rate={"id": shipment.rates[0].id})
    assert control.state()["labels_bought"] == labels
    if not labels:
        client.shipment.buy(shipment.id, rate={"id": shipment.rates[0].id})
    assert client.shipment.retrieve(shipment.id).postage_label is not None
    assert control.faults()[0]["struck"] == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_slow_answer_outlasts_the_client_but_takes_effect(
    connect: Make, quoted: Make, control: Control, moment: str
) -> None:
    shipment = quoted()
    control.add_fault("delay", **BUY, seconds=0.6, moment=moment)
    with pytest.raises(TimeoutError):
        connect(timeout=0.2).shipment.buy(shipment.id, rate={"id": shipment.rates[0].id})
    assert control.state()["labels_bought"] == (1 if moment == "after" else 0)
    assert labels_after_a_while(control) == 1


def labels_after_a_while(control: Control) -> int:
    """How many labels were bought, once there is one or two seconds have passed."""
    deadline = time.monotonic() + 2
    while not control.state()["labels_bought"] and time.monotonic() < deadline:
        time.sleep(0.02)
    return int(control.state()["labels_bought"])


def test_a_success_can_lack_its_label(client: Any, quoted: Make, control: Control) -> None:
    shipment = quoted()
    control.add_fault("no_label", **BUY)
    answer = client.shipment.buy(shipment.id, rate={"id": shipment.rates[0].id})
    assert (answer.postage_label, answer.tracking_code) == (None, None)
    assert client.shipment.retrieve(shipment.id).tracking_code


def test_the_price_can_change_before_the_purchase(client: Any, quoted: Make, control: Control) -> None:
    shipment = quoted()
    rate = shipment.rates[0]
    control.add_fault("price", **BUY, percent=50)
    bought = client.shipment.buy(shipment.id, rate={"id": rate.id})
    assert float(bought.selected_rate.rate) == pytest.approx(1.5 * float(rate.rate), abs=0.01)
    assert control.state()["spent_cents"] == round(100 * float(bought.selected_rate.rate))


def test_retry_after_is_sent(client: Any, stand_in: Any, control: Control) -> None:
    control.add_fault("status", status=429, retry_after=7)
    answer = client._requests_session.post(f"{stand_in.easypost_url}/addresses", auth=("EZTKx", ""))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_webhooks_can_come_twice(client: Any, bought: Make, control: Control, receiver: Receiver) -> None:
    client.webhook.create(url=receiver.url)
    control.add_fault("webhook_duplicate", event="tracker.updated", result_status="delivered", times=3)
    bought()
    control.advance(300)
    ids = [event["id"] for event in received(receiver) if event["result"]["status"] == "delivered"]
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_webhooks_can_overtake_each_other(
    client: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    client.webhook.create(url=receiver.url)
    control.add_fault("webhook_reorder", result_status="out_for_delivery")
    bought()
    control.advance(300)
    assert [event["result"]["status"] for event in received(receiver)][-2:] == [
        "delivered",
        "out_for_delivery",
    ]


def test_a_held_webhook_arrives_even_if_no_other_follows(
    client: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    client.webhook.create(url=receiver.url)
    control.add_fault("webhook_reorder", result_status="delivered")
    bought()
    control.advance(300)
    assert len(receiver.received) == 4
    control.advance(3600)
    assert received(receiver)[-1]["result"]["status"] == "delivered"


def test_webhooks_can_be_late_or_lost(
    client: Any, bought: Make, control: Control, receiver: Receiver
) -> None:
    client.webhook.create(url=receiver.url)
    control.add_fault("webhook_drop", result_status="in_transit")
    control.add_fault("webhook_delay", result_status="delivered", seconds=90_000)
    bought()
    counts = control.advance(300)
    assert counts["webhooks_dropped"] == 1
    assert [event["result"]["status"] for event in received(receiver)] == [
        "pre_transit", "pre_transit", "out_for_delivery",
    ]  # fmt: skip
    control.advance(90_000)
    assert received(receiver)[-1]["result"]["status"] == "delivered"


def test_a_webhook_can_arrive_before_the_answer(
    client: Any, quoted: Make, control: Control, receiver: Receiver
) -> None:
    client.webhook.create(url=receiver.url)
    shipment = quoted()
    control.add_fault("webhook_first", **BUY)
    control.add_fault("drop", **BUY, moment="after")
    with pytest.raises(HttpError):
        client.shipment.buy(shipment.id, rate={"id": shipment.rates[0].id})
    (event,) = received(receiver)
    assert (event["description"], event["result"]["shipment_id"]) == ("tracker.created", shipment.id)
    control.advance(300)
    assert [event["description"] for event in received(receiver)].count("tracker.created") == 1


def received(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.received]


@pytest.mark.parametrize(
    ("pattern", "path", "meets"),
    [
        ("/shipments/*/buy", "/shipments/shp_1/buy", True),
        ("/shipments/*", "/shipments/shp_1/buy", False),
        ("/shipments/**", "/shipments/shp_1/buy", True),
        ("/shipments", "/shipments", True),
        ("**", "/anything/at/all", True),
    ],
)
def test_paths_are_matched_by_segment(pattern: str, path: str, meets: bool) -> None:
    assert Fault("delay", path=pattern).meets_call("GET", path) is meets


def test_a_fault_strikes_from_the_nth_call_on_and_as_often_as_asked() -> None:
    faults = FaultPlan()
    faults.add({"kind": "drop", "method": "GET", "nth": 2, "count": 2})
    struck = [len(faults.for_call("GET", "/x")) for _ in range(5)]
    assert struck == [0, 1, 1, 0, 0]
    assert faults.for_call("POST", "/x") == []
    faults.add({"kind": "drop", "method": "POST", "count": 0})
    assert [len(faults.for_call("POST", "/x")) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    "wrong", [{"kind": "explode"}, {"kind": "drop", "moment": "during"}, {"kind": "drop", "nht": 2}, {}]
)
def test_a_fault_that_makes_no_sense_is_refused(control: Control, wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="400"):
        control.send("POST", "/faults", wrong)
    assert control.faults() == []


def test_faults_are_taken_back(client: Any, control: Control) -> None:
    control.add_fault("status", count=0)
    with pytest.raises(InternalServerError):
        client.address.create(street1="1 A St")
    control.clear_faults()
    assert client.address.create(street1="1 A St").id


def test_a_fault_with_a_share_strikes_the_same_recipients_in_whatever_order_they_come() -> None:
    def struck(order: list[str], salt: str = "1") -> set[str]:
        book = FaultPlan()
        book.add({"kind": "drop", "share": 0.2, "salt": salt})
        return {one for one in order if book.for_call("POST", "/shipments/shp_1/buy", one)}

    people = [f"PERSON {number}|94104" for number in range(500)]
    chosen = struck(people)
    assert 60 < len(chosen) < 140
    assert struck(people[::-1]) == chosen
    assert struck(people, salt="2") != chosen
    # Each once, and calls about nobody are spared.
    assert struck([*people, *people, ""]) == chosen
    book = FaultPlan()
    book.add({"kind": "drop", "share": 0.2})
    assert sum(bool(book.for_call("POST", "/x", one)) for one in people + people) == len(
        struck(people, salt="")
    )
