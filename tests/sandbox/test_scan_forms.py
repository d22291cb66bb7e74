"""The stand-in's scan forms, as recorded and by the rules the vendor documents."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Control
from tests.sandbox import recordings
from tests.sandbox.recordings import load
from tests.sandbox.test_conformance import Replay, replay  # noqa: F401 - a fixture
from tests.sandbox.vendor import ApiError


@pytest.mark.skipif(not recordings.FOLDER.is_dir(), reason="the recordings (../shared/data) are not here")
def test_it_answers_as_recorded(replay: Replay, bought: Callable[..., Any]) -> None:
    recorded = load("23")["interactions"][0]["request"]["body"]["scan_form"]["shipment"][0]["id"]
    replay.ids.ours[recorded] = bought().id
    replay.compare("23")


def test_a_shipment_is_on_one_form(client: Any, bought: Callable[..., Any]) -> None:
    shipment = bought()
    form = client.scan_form.create(shipments=[{"id": shipment.id}])
    assert client.scan_form.retrieve(form.id).to_dict() == form.to_dict()
    assert client.shipment.retrieve(shipment.id)["scan_form"]["id"] == form.id
    with pytest.raises(ApiError, match="already been manifested") as refusal:
        client.scan_form.create(shipments=[{"id": shipment.id}])
    assert (refusal.value.http_status, refusal.value.code) == (422, "SCAN_FORM.CREATE.FAILURE")


def test_refunded_and_unbought_shipments_are_refused(
    client: Any, bought: Callable[..., Any], quoted: Callable[..., Any]
) -> None:
    refunded = bought()
    client.shipment.refund(refunded.id)
    for shipment in (refunded, quoted()):
        with pytest.raises(ApiError, match="Unable to create manifest"):
            client.scan_form.create(shipments=[{"id": shipment.id}])


def test_a_form_is_announced_by_events(client: Any, control: Control, bought: Callable[..., Any]) -> None:
    control.settings(scan_form_seconds=60)
    form = client.scan_form.create(shipments=[{"id": bought().id}])
    assert form["status"] == "creating"
    control.advance(61)
    assert client.scan_form.retrieve(form.id)["status"] == "created"
    seen = [event["description"] for event in client.event.all()["events"]]
    assert {"scan_form.created", "scan_form.updated"} <= set(seen)
