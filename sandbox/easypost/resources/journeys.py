"""Journeys of parcels after their labels are bought: scans and their times.

`test` is EasyPost's test mode: a step a minute, always delivered. `realistic` spreads the same steps over
days. Chance is drawn from the seed and the recipient alone, so a programme sees the same journeys again
whatever ids were given and in whatever order labels were bought.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sandbox.easypost.ids import stable_number
from sandbox.easypost.settings import EasyPostSettings

# Where a scan happens.
NOWHERE, ORIGIN, HUB, DESTINATION = "nowhere", "origin", "hub", "destination"


class JourneyScan(NamedTuple):
    """One line of tracking details, `before` the moment its step is reported."""

    message: str
    status: str
    detail: str
    place: str
    before: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """A change of the tracker, `after` the purchase."""

    after: timedelta
    status: str
    detail: str
    scans: tuple[JourneyScan, ...]


PRE_TRANSIT = (
    JourneyScan("Pre-Shipment Info Sent to {carrier}", "pre_transit", "status_update", NOWHERE),
    JourneyScan("Shipping Label Created", "pre_transit", "status_update", ORIGIN),
)
IN_TRANSIT = (
    JourneyScan(
        "Arrived at {carrier} Origin Facility",
        "in_transit",
        "arrived_at_facility",
        ORIGIN,
        timedelta(seconds=30),
    ),
    JourneyScan("Departed {carrier} Facility", "in_transit", "departed_facility", HUB),
)
OUT_FOR_DELIVERY = (
    JourneyScan("Sorting Complete", "in_transit", "status_update", DESTINATION, timedelta(seconds=30)),
    JourneyScan("Out for Delivery", "out_for_delivery", "out_for_delivery", DESTINATION),
)
DELIVERED = (JourneyScan("Delivered", "delivered", "arrived_at_destination", DESTINATION),)
HELD = (JourneyScan("Held in Customs", "in_transit", "held", HUB),)
RETURNED = (
    JourneyScan("Address Does Not Exist - Returning to Sender", "return_to_sender", "return", DESTINATION),
)
FAILED = (
    JourneyScan(
        "Prohibited articles - Item not delivered - Item seized or destroyed", "failure", "failure", HUB
    ),
)
UNAVAILABLE = (JourneyScan("Shipment Information Unavailable", "unknown", "unknown", NOWHERE),)


@dataclass(frozen=True, slots=True)
class JourneyParcel:
    """The inputs of a journey. delivery_days: None where the carrier promises nothing."""

    recipient: str
    is_international: bool
    delivery_days: int | None


def recipient_key(name: str | None, zip_code: str | None) -> str:
    """One key for an address as typed and as corrected: case, spaces and ZIP+4 do not matter."""
    postcode = (zip_code or "").replace(" ", "").upper()
    if len(postcode) == len("94107-1670") and postcode[5] == "-":
        postcode = postcode[:5]
    return f"{' '.join((name or '').upper().split())}|{postcode}"


def plan(parcel: JourneyParcel, settings: EasyPostSettings) -> list[JourneyStep]:
    if settings.journey == "test":
        return test_journey()
    return realistic_journey(parcel, settings)


def test_journey() -> list[JourneyStep]:
    return [
        JourneyStep(timedelta(seconds=1), "pre_transit", "status_update", PRE_TRANSIT),
        JourneyStep(timedelta(minutes=1), "in_transit", "status_update", IN_TRANSIT),
        JourneyStep(timedelta(minutes=2), "out_for_delivery", "out_for_delivery", OUT_FOR_DELIVERY),
        JourneyStep(timedelta(minutes=3), "delivered", "arrived_at_destination", DELIVERED),
    ]


def realistic_journey(parcel: JourneyParcel, settings: EasyPostSettings) -> list[JourneyStep]:
    """Handed over within about a day, out for delivery after the promised days, delivered that day."""
    chance = random.Random(stable_number(str(settings.seed), parcel.recipient))
    # All draws are made whatever comes of them, so that changing a share moves no other parcel's times.
    fate, handover, lateness, round_hours, hold_days = (chance.random() for _ in range(5))
    taken = timedelta(hours=16 + 14 * handover)
    travel = timedelta(days=_days_in_transit(parcel, chance) + _days_late(lateness))
    out = taken + travel
    steps = [
        JourneyStep(timedelta(seconds=1), "pre_transit", "status_update", PRE_TRANSIT),
        JourneyStep(taken, "in_transit", "status_update", IN_TRANSIT),
    ]
    lost, returned = settings.share_lost, settings.share_lost + settings.share_returned
    held = returned + settings.share_held
    if fate < lost:
        return steps
    if returned <= fate < held:
        steps.append(JourneyStep(taken + travel / 2, "in_transit", "held", HELD))
        out += timedelta(days=4 + 10 * hold_days)
    steps.append(JourneyStep(out, "out_for_delivery", "out_for_delivery", OUT_FOR_DELIVERY))
    arrival = out + timedelta(hours=2 + 6 * round_hours)
    if lost <= fate < returned:
        steps.append(JourneyStep(arrival, "return_to_sender", "return", RETURNED))
    else:
        steps.append(JourneyStep(arrival, "delivered", "arrived_at_destination", DELIVERED))
    return steps


def _days_in_transit(parcel: JourneyParcel, chance: random.Random) -> int:
    if parcel.delivery_days is not None:
        return max(1, parcel.delivery_days)
    # Letter post without a promise: one to three weeks abroad.
    return chance.randint(8, 20) if parcel.is_international else chance.randint(2, 5)


def _days_late(draw: float) -> int:
    """Seven in ten come on time, two a day late, one two or three."""
    if draw < 0.7:
        return 0
    if draw < 0.9:
        return 1
    return 2 if draw < 0.97 else 3
