"""Where parcels go after their label is bought: the plan as a rule, and the trackers over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sandbox.client import Control, ControlError
from sandbox.easypost.resources.journeys import JourneyParcel, plan, recipient_key
from sandbox.easypost.settings import BadSetting, EasyPostSettings
from tests.sandbox.conftest import ABROAD, CUSTOMS, NEIGHBOUR, START
from tests.sandbox.vendor import NotFoundError

Make = Callable[..., Any]
REALISTIC = EasyPostSettings(journey="realistic", seed=7)


def parcels(number: int) -> list[JourneyParcel]:
    return [JourneyParcel(recipient_key(f"Person {n}", f"{10000 + n}"), False, 3) for n in range(number)]


def last_status(parcel: JourneyParcel, settings: EasyPostSettings) -> str:
    return plan(parcel, settings)[-1].status


def test_in_test_mode_a_parcel_moves_one_step_a_minute(client: Any, bought: Make, control: Control) -> None:
    tracker_id = bought().tracker.id
    seen = []
    for _ in range(4):
        control.advance(60)
        seen.append(client.tracker.retrieve(tracker_id).status)
    assert seen == ["in_transit", "out_for_delivery", "delivered", "delivered"]
    assert client.tracker.retrieve(tracker_id).signed_by == "John Tester"


def test_realistically_a_parcel_takes_days(client: Any, bought: Make, control: Control) -> None:
    control.settings(journey="realistic")
    tracker_id = bought().tracker.id
    control.advance(3600)
    assert client.tracker.retrieve(tracker_id).status == "pre_transit"
    control.advance(31 * 3600)
    assert client.tracker.retrieve(tracker_id).status == "in_transit"
    control.advance(9 * 86_400)
    arrived = client.tracker.retrieve(tracker_id)
    assert arrived.status == "delivered"
    assert arrived.tracking_details[0].status == "pre_transit"
    assert arrived.tracking_details[-1].tracking_location.city == "REDONDO BEACH"


def test_realistic_steps_keep_their_order_and_deliver_within_the_day() -> None:
    for parcel in parcels(300):
        steps = plan(parcel, REALISTIC)
        assert [step.status for step in steps] == [
            "pre_transit", "in_transit", "out_for_delivery", "delivered",
        ]  # fmt: skip
        times = [step.after for step in steps]
        assert times == sorted(times)
        assert timedelta(hours=16) <= times[1] <= timedelta(hours=30)
        assert timedelta(days=3) <= times[2] - times[1] <= timedelta(days=6)
        assert times[3] - times[2] <= timedelta(hours=8)


def test_a_journey_depends_on_seed_and_recipient_alone() -> None:
    one, other = parcels(2)
    assert plan(one, REALISTIC) == plan(one, REALISTIC)
    assert plan(one, REALISTIC) != plan(other, REALISTIC)
    assert plan(one, REALISTIC) != plan(one, EasyPostSettings(journey="realistic", seed=8))


def test_a_corrected_address_is_the_same_recipient() -> None:
    assert recipient_key("Ada Example", "94107") == recipient_key("ADA  EXAMPLE", "94107-1670")
    assert recipient_key("Ada Example", "T8N 0A1") == recipient_key("ada example", "t8n0a1")
    assert recipient_key("Ada Example", "94107") != recipient_key("Ada Example", "94108")


@pytest.mark.parametrize(
    ("share", "ending"), [("share_lost", "in_transit"), ("share_returned", "return_to_sender")]
)
def test_shares_of_parcels_go_wrong(share: str, ending: str) -> None:
    settings = REALISTIC.changed({share: 0.2})
    endings = Counter(last_status(parcel, settings) for parcel in parcels(1000))
    assert endings.keys() == {"delivered", ending}
    # 1,000 draws at 0.2 have a standard deviation of 12.6; this allows four of them.
    assert abs(endings[ending] - 200) <= 51


def test_a_held_parcel_comes_late() -> None:
    parcel = parcels(1)[0]
    held = plan(parcel, REALISTIC.changed({"share_held": 1.0}))
    assert [step.detail for step in held].count("held") == 1
    assert held[-1].status == "delivered"
    assert held[-1].after - plan(parcel, REALISTIC)[-1].after >= timedelta(days=4)


def test_losing_some_parcels_moves_no_others() -> None:
    lossy = REALISTIC.changed({"share_lost": 0.2})
    for parcel in parcels(200):
        if last_status(parcel, lossy) == "delivered":
            assert plan(parcel, lossy) == plan(parcel, REALISTIC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"journey": "fast"},
        {"share_lost": 1.1},
        {"share_losst": 0.1},
        {"seed": "7"},
        {"seed": None},
        {"wallet_cents": True},
        {"blocked_countries": "DE"},
        {"webhook_retry_seconds": ["60"]},
    ],
)
def test_settings_that_make_no_sense_are_refused(control: Control, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        EasyPostSettings().changed(wrong)
    with pytest.raises(ControlError):
        control.settings(**wrong)


def test_the_same_programme_gives_the_same_journeys(client: Any, bought: Make, control: Control) -> None:
    def arrivals() -> list[tuple[str, str]]:
        control.reset(now=START)
        control.settings(journey="realistic", seed=3, share_returned=0.3)
        for number in range(6):
            bought(to_address=NEIGHBOUR | {"name": f"Person {number}"})
        bought(to_address=ABROAD, customs_info=CUSTOMS)
        control.advance(60 * 86_400)
        trackers = client.tracker.all(start_datetime=START.isoformat())["trackers"]
        return [(tracker.status, tracker.updated_at) for tracker in trackers]

    assert arrivals() == arrivals()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("EZ1000000001", "pre_transit"),
        ("EZ2000000002", "in_transit"),
        ("EZ3000000003", "out_for_delivery"),
        ("EZ4000000004", "delivered"),
        ("EZ5000000005", "return_to_sender"),
        ("EZ6000000006", "failure"),
        ("EZ7000000007", "unknown"),
        ("EZ1000000003", "error"),
    ],
)
def test_test_codes_stand_where_they_say(client: Any, code: str, status: str) -> None:
    tracker = client.tracker.create(tracking_code=code)
    assert tracker.status == status
    assert (tracker.signed_by == "John Tester") is (status == "delivered")


def test_a_code_is_tracked_once_in_three_months(client: Any, control: Control) -> None:
    first = client.tracker.create(tracking_code="9400100000000000000013", carrier="USPS")
    assert client.tracker.create(tracking_code="9400100000000000000013", carrier="USPS").id == first.id
    assert client.tracker.create(tracking_code="9400100000000000000013", carrier="UPS").id != first.id
    control.advance(91 * 86_400)
    assert client.tracker.create(tracking_code="9400100000000000000013", carrier="USPS").id != first.id


def test_buying_a_label_tracks_its_code_already(client: Any, bought: Make) -> None:
    shipment = bought()
    tracker = client.tracker.create(tracking_code=shipment.tracking_code, carrier="USPS")
    assert (tracker.id, tracker.shipment_id) == (shipment.tracker.id, shipment.id)


def test_trackers_are_found_by_code(client: Any, bought: Make) -> None:
    codes = [bought().tracking_code for _ in range(3)]
    found = client.tracker.all(tracking_codes=codes[:2])["trackers"]
    assert {tracker.tracking_code for tracker in found} == set(codes[:2])
    (one,) = client.tracker.all(tracking_code=codes[2])["trackers"]
    assert one.tracking_code == codes[2]


def test_a_deleted_tracker_is_gone_and_silent(client: Any, bought: Make, control: Control) -> None:
    shipment = bought()
    control.advance(1)
    client.tracker.delete(shipment.tracker.id)
    with pytest.raises(NotFoundError):
        client.tracker.retrieve(shipment.tracker.id)
    assert control.advance(600)["events"] == 0
    assert client.shipment.refund(shipment.id).refund_status == "submitted"


@pytest.mark.parametrize("name", ["id", "shipment_id", "tracking_code"])
def test_a_tracker_can_be_pushed_anywhere(client: Any, bought: Make, control: Control, name: str) -> None:
    tracker = bought().tracker
    control.push(tracker[name], "return_to_sender", status_detail="refused", message="Refused by recipient")
    control.advance(3600)
    pushed = client.tracker.retrieve(tracker.id)
    assert (pushed.status, pushed.status_detail) == ("return_to_sender", "refused")
    assert pushed.tracking_details[-1].message == "Refused by recipient"


def test_a_push_can_let_the_journey_go_on(client: Any, bought: Make, control: Control) -> None:
    tracker = bought().tracker
    control.push(tracker.id, "failure", halt=False)
    control.advance(3600)
    assert client.tracker.retrieve(tracker.id).status == "delivered"


def test_nothing_unknown_can_be_pushed(control: Control) -> None:
    with pytest.raises(ControlError, match="404"):
        control.push("trk_" + "0" * 32, "delivered")
