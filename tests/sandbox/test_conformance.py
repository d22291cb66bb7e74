"""Replays recorded EasyPost traffic, through the real client, and compares every answer's shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from easypost.easypost_object import convert_to_easypost_object
from easypost.requestor import RequestMethod, Requestor

from sandbox.client import Control
from sandbox.easypost.resources.rates import ACCOUNTS
from tests.sandbox import recordings
from tests.sandbox.conftest import ABROAD, DESK, PARCEL, Receiver
from tests.sandbox.recordings import Substitution, differences, load
from tests.sandbox.vendor import ApiError

pytestmark = pytest.mark.skipif(
    not recordings.FOLDER.is_dir(), reason="the recordings (../shared/data) are not here"
)

SELF_CONTAINED = ["01", "02", "03", "04", "05", "06", "07", "08", "10", "11", "12", "24", "25"]
SELF_CONTAINED += ["28", "32", "34", "36", "39"]
# Recordings that begin in the middle, with a shipment that was bought or quoted before.
ABOUT_A_BOUGHT_SHIPMENT = ["13", "14", "15"]
# Those that need a stage of their own, each in the test that says so below.
BY_NAME = ["16", "18", "26", "27", "35", "40", "41", "42"]

# The test account's USPS carrier account in the recordings.
RECORDED_USPS = "ca_b25657e9896e4d63ac8151ac346ac41e"
# Recordings of the same call differ in status over the years; ours is the newest one's.
NEWER_STATUS = {("24", 0): 201}


# Of what no code of ours calls: the stand-in has none of it, and go-live needs none of it.
NOT_CALLED = {
    "17": "SmartRate: rates are chosen by the promise",
    "19": "batches: labels are bought one by one",
    "20": "batches",
    "21": "batches",
    "22": "forms of batches: forms are made of shipments",
    "29": "pickups: parcels are brought or fetched by arrangement",
    "30": "insurance of its own: it is bought with the label",
    "33": "metadata of carriers",
    "37": "batches",
    "38": "batches",
}
# In test_scan_forms.py.
ELSEWHERE = {"23"}


class Replay:
    """Sends recorded requests with our ids in place of the recorded ones."""

    def __init__(self, client: Any, control: Control) -> None:
        self._client = client
        self._control = control
        self.ids = Substitution()
        self.ids.ours[RECORDED_USPS] = ACCOUNTS["USPS"]
        self._statuses: list[int] = []
        client.subscribe_to_response_hook(lambda **seen: self._statuses.append(seen["http_status"]))

    def send(self, request: dict[str, Any]) -> tuple[int, Any]:
        """The status and body that our answer has."""
        # EasyPost's answers show that time passed since the call before.
        self._control.advance(2)
        body = request["body"] or {}
        if "_form_encoded" in body:
            body = recordings.unflatten(body["_form_encoded"])
        path = self.ids.apply(request["path"]).removeprefix("/v2")
        params = self.ids.apply(body or request["query"])
        method = RequestMethod(request["method"].lower())
        try:
            requestor: Any = Requestor(self._client)  # type: ignore[no-untyped-call]
            answer = requestor.request(method=method, url=path, params=params)
        except ApiError as error:
            return error.http_status or 0, error.json_body
        parsed = convert_to_easypost_object(response=answer)
        if isinstance(answer, dict) and answer:
            assert parsed.to_dict() == answer
        return self._statuses[-1], answer

    def compare(self, number: str) -> None:
        for place, interaction in enumerate(load(number)["interactions"]):
            status, ours = self.send(interaction["request"])
            recorded = interaction["response"]
            expected = NEWER_STATUS.get((number, place), recorded["status"])
            assert (status, ours if status != expected else None) == (expected, None)
            body = {"error": ours} if status >= 400 and "error" not in ours else ours
            assert differences(recorded["body"], body) == []
            self.ids.learn(recorded["body"], ours)


@pytest.fixture
def replay(client: Any, control: Control) -> Replay:
    return Replay(client, control)


def shipment_id_in(number: str) -> str:
    return str(load(number)["interactions"][0]["request"]["path"].split("/")[3])


def test_every_recording_is_replayed_or_of_what_we_never_call() -> None:
    """So that one that is added is not left out in silence, nor one that is dropped."""
    replayed = {*SELF_CONTAINED, *ABOUT_A_BOUGHT_SHIPMENT, *BY_NAME, *ELSEWHERE}
    there = {path.name[:2] for path in recordings.FOLDER.glob("[0-9][0-9]-*.json")}
    assert replayed | NOT_CALLED.keys() == there
    assert not replayed & NOT_CALLED.keys()
    assert len(replayed) == 30


@pytest.mark.parametrize("number", sorted(NOT_CALLED))
def test_what_we_never_call_is_not_half_there(client: Any, number: str) -> None:
    """A call that the stand-in does not know is a 404 of the vendor's shape, so it cannot pass unnoticed."""
    paths = {one["request"]["path"].split("/")[2] for one in load(number)["interactions"]}
    for path in paths - {"shipments"}:
        requestor: Any = Requestor(client)  # type: ignore[no-untyped-call]
        with pytest.raises(ApiError) as refusal:
            requestor.request(method=RequestMethod.GET, url=f"/{path}", params={})
        assert (refusal.value.http_status, refusal.value.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize("number", SELF_CONTAINED)
def test_it_answers_as_recorded(replay: Replay, number: str) -> None:
    replay.compare(number)


@pytest.mark.parametrize("number", ABOUT_A_BOUGHT_SHIPMENT)
def test_it_answers_as_recorded_about_a_bought_shipment(
    replay: Replay, bought: Callable[..., Any], number: str
) -> None:
    options = {"label_format": "PNG", "invoice_number": "123"}
    replay.ids.ours[shipment_id_in(number)] = bought(reference="123", options=options).id
    replay.compare(number)


def test_it_ships_abroad_as_recorded(replay: Replay, client: Any) -> None:
    request = load("35")["interactions"][2]["request"]["body"]["_form_encoded"]
    made = {
        "to_address": client.address.create(**ABROAD),
        "from_address": client.address.create(**DESK),
        "parcel": client.parcel.create(**PARCEL),
    }
    for name, ours in made.items():
        replay.ids.ours[request[f"shipment[{name}][id]"]] = ours.id
    replay.compare("35")


def test_it_rates_again_as_recorded(replay: Replay, quoted: Callable[..., Any]) -> None:
    replay.ids.ours[shipment_id_in("16")] = quoted().id
    replay.compare("16")


def test_it_lists_shipments_as_recorded(replay: Replay, bought: Callable[..., Any]) -> None:
    for _ in range(6):
        bought()
    replay.compare("18")


def test_it_lists_events_as_recorded(
    replay: Replay, client: Any, control: Control, bought: Callable[..., Any]
) -> None:
    for _ in range(3):
        bought()
    control.advance(300)
    before_id = load("26")["interactions"][1]["request"]["query"]["before_id"]
    replay.ids.ours[before_id] = client.event.all(page_size=5)["events"][-1]["id"]
    replay.compare("26")


def test_it_misses_payloads_as_recorded(
    replay: Replay, client: Any, control: Control, bought: Callable[..., Any]
) -> None:
    bought()
    control.advance(300)
    recorded = load("27")["interactions"][0]["request"]["path"].split("/")[3]
    replay.ids.ours[recorded] = client.event.all()["events"][0]["id"]
    replay.compare("27")


def test_it_warns_about_an_apartment_as_recorded(replay: Replay, client: Any) -> None:
    client.address.create(
        verify=True, street1="417 Montgomery bad-apt St", city="San Francisco", state="CA", zip="94104"
    )
    replay.compare("40")


def test_it_lists_refunds_as_recorded(
    replay: Replay, client: Any, control: Control, bought: Callable[..., Any]
) -> None:
    control.settings(refund_outcome="rejected", refund_days=1)
    client.shipment.refund(bought().id)
    control.advance(86_400 + 60)
    client.shipment.refund(bought().id)
    replay.compare("41")


def test_its_webhooks_look_like_the_recorded_ones(
    client: Any, control: Control, bought: Callable[..., Any], receiver: Receiver
) -> None:
    control.settings(refund_days=0)
    client.webhook.create(url=receiver.url)
    client.shipment.refund(bought().id)
    bought()
    control.advance(600)
    ours: dict[str, Any] = {}
    for _, body in receiver.received:
        event = json.loads(body)
        ours[event["description"] + event["result"]["status"]] = event
    compared = 0
    for interaction in load("42")["interactions"]:
        for payload in interaction["response"]["body"].get("payloads", []):
            recorded = payload["request_body"]
            name = recorded["description"] + recorded["result"]["status"]
            # One recording was read back after the delivery, when its list of addresses was complete.
            recorded["completed_urls"] = []
            assert differences(recorded, ours[name], "event") == []
            compared += 1
    assert compared == 6


def test_its_payloads_look_like_the_recorded_ones(
    client: Any, control: Control, bought: Callable[..., Any], receiver: Receiver
) -> None:
    client.webhook.create(url=receiver.url)
    bought()
    control.advance(300)
    event_id = client.event.all()["events"][0]["id"]
    (ours,) = client.event.retrieve_all_payloads(event_id)["payloads"]
    (recorded,) = load("42")["interactions"][0]["response"]["body"]["payloads"]
    # Which headers a server reports back is its own affair, and so is the receiver's text.
    unlike = ("request_headers", "response_headers", "request_body", "response_body")
    assert (
        differences(
            {key: value for key, value in recorded.items() if key not in unlike},
            {key: value for key, value in ours.to_dict().items() if key not in unlike},
        )
        == []
    )
    assert json.loads(ours.request_body)["id"] == event_id
