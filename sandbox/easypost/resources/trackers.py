"""Trackers: created with a label or for a known code, and moved step by step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply, created
from sandbox.easypost.errors import required, resource_not_found, wrong_type
from sandbox.easypost.events import publish_easypost_event
from sandbox.easypost.formats import fee_amount, parse_time, stamp
from sandbox.easypost.ids import new_easypost_id, public_tracking_url
from sandbox.easypost.paging import easypost_page
from sandbox.easypost.resources import journeys
from sandbox.easypost.resources.journeys import JourneyScan, JourneyStep
from sandbox.easypost.store import StoredShipment, Tracker
from sandbox.vendor_json import Json

# A tracker of the same code and carrier is shared for three months.
SHARED_FOR = timedelta(days=90)
# EasyPost reports a new tracker half a minute after it was made.
ANNOUNCED_AFTER = timedelta(seconds=30)
RECIPIENT = "John Tester"

Place = dict[str, str | None]
# The places of EasyPost's own test parcels.
TEST_ORIGIN: Place = {"city": "HOUSTON", "state": "TX", "country": None, "zip": "77063"}
TEST_DESTINATION: Place = {"city": "CHARLESTON", "state": "SC", "country": None, "zip": "29407"}
TEST_HUB: Place = {"city": "COLUMBIA", "state": "SC", "country": None, "zip": "29201"}
NO_PLACE: Place = {"city": None, "state": None, "country": None, "zip": None}

_WAY_OUT = (*journeys.PRE_TRANSIT, *journeys.IN_TRANSIT)
_TO_THE_DOOR = (*_WAY_OUT, *journeys.OUT_FOR_DELIVERY)
TEST_CODES: dict[str, tuple[str, str, tuple[JourneyScan, ...]]] = {
    "EZ1000000001": ("pre_transit", "status_update", journeys.PRE_TRANSIT),
    "EZ2000000002": ("in_transit", "status_update", _WAY_OUT),
    "EZ3000000003": ("out_for_delivery", "out_for_delivery", _TO_THE_DOOR),
    "EZ4000000004": ("delivered", "arrived_at_destination", (*_TO_THE_DOOR, *journeys.DELIVERED)),
    "EZ5000000005": ("return_to_sender", "return", (*_TO_THE_DOOR, *journeys.RETURNED)),
    "EZ6000000006": ("failure", "failure", (*journeys.PRE_TRANSIT, *journeys.FAILED)),
    "EZ7000000007": ("unknown", "unknown", journeys.UNAVAILABLE),
}

# What a tracker shows of itself inside a shipment, and inside a webhook.
_HIDDEN_IN_SHIPMENT = frozenset({"finalized", "is_return", "delivery_evidence"})
_HIDDEN_IN_EVENT = frozenset({"fees", "delivery_evidence"})


@dataclass(frozen=True, slots=True)
class Push:
    """A change asked for by the control API."""

    status: str
    detail: str
    message: str
    signed_by: str | None


def create_tracker(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    fields = call.wrapped("tracker")
    code = str(fields.get("tracking_code") or "").strip()
    if not code:
        raise required("tracking_code")
    return created("trackers", find_or_create(account, code, fields.get("carrier")).body)


def create_many(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    codes = call.body.get("tracking_codes") or []
    if not isinstance(codes, list) or not codes:
        raise required("tracking_codes")
    return Reply(
        {"trackers": [find_or_create(account, str(code), None).body for code in codes], "has_more": False}
    )


def retrieve_tracker_by_id(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(find_tracker(account, call.ids["id"]).body)


def delete_tracker(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    tracker = find_tracker(account, call.ids["id"])
    tracker.halt()
    if tracker.announcement is not None:
        tracker.announcement.cancel()
    del account.store.trackers[tracker.id]
    account.store.by_tracking_code.pop((tracker.body["tracking_code"], tracker.body["carrier"]), None)
    return Reply({"success": True})


def list_trackers(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    codes = set(call.query_lists.get("tracking_codes[]", []))
    codes |= set(call.query_lists.get("tracking_code", []))
    carrier = call.query.get("carrier")
    wanted = (
        tracker.body
        for tracker in account.store.trackers.values()
        if (not codes or tracker.body["tracking_code"] in codes)
        and (carrier is None or tracker.body["carrier"] == carrier)
    )
    found, has_more = easypost_page(
        wanted,
        call,
        now=account.now,
        id_of=lambda body: str(body["id"]),
        time_of=lambda body: parse_time(body["created_at"]),
    )
    return Reply({"trackers": found, "has_more": has_more})


def find_tracker(account: EasyPostAccount, tracker_id: str) -> Tracker:
    """A tracker by its id. Raises NOT_FOUND."""
    if not tracker_id.startswith("trk_"):
        raise wrong_type("trk")
    try:
        return account.store.trackers[tracker_id]
    except KeyError:
        raise resource_not_found() from None


def find_or_create(account: EasyPostAccount, code: str, carrier: object) -> Tracker:
    """The tracker of a code: the one there is, or a new one that stands where its code says."""
    name = str(carrier or "USPS")
    known = account.store.by_tracking_code.get((code, name))
    if known is not None:
        tracker = account.store.trackers[known]
        if parse_time(tracker.body["created_at"]) > account.now - SHARED_FOR:
            return tracker
    tracker = _new(account, code, name, shipment=None)
    if code.startswith("EZ"):
        status, detail, scans = TEST_CODES.get(code, ("error", "unknown", journeys.UNAVAILABLE))
        _move(account, tracker, status, detail, scans)
    due = account.now + ANNOUNCED_AFTER
    tracker.announcement = account.world.agenda.put(
        due, lambda: publish_tracker_update(account, tracker), key=tracker.id
    )
    return tracker


def start_journey(account: EasyPostAccount, shipment: StoredShipment, delivery_days: int | None) -> Tracker:
    """Open the tracker of a label just bought and plan what its parcel will go through."""
    rate = shipment.body["selected_rate"]
    tracker = _new(account, shipment.body["tracking_code"], rate["carrier"], shipment=shipment.body)
    parcel = journeys.JourneyParcel(shipment.recipient, shipment.is_international, delivery_days)
    for step in journeys.plan(parcel, account.settings):
        _schedule(account, tracker, step, account.now + step.after)
    due = account.now + ANNOUNCED_AFTER
    tracker.announcement = account.world.agenda.put(
        due, lambda: publish_tracker_update(account, tracker), key=tracker.id
    )
    return tracker


def push(account: EasyPostAccount, tracker: Tracker, change: Push, *, halt: bool) -> None:
    """Move a tracker now, whatever its journey says; `halt` calls off the rest of the journey."""
    if halt:
        tracker.halt()
    publish_tracker_update(account, tracker)
    scan = JourneyScan(change.message, change.status, change.detail, journeys.DESTINATION)
    before = tracker.body["status"]
    _move(account, tracker, change.status, change.detail, (scan,))
    if change.signed_by is not None:
        tracker.body["signed_by"] = change.signed_by
    publish_easypost_event(
        account, "tracker.updated", shown_in_event(tracker), {"status": before}, key=tracker.id
    )


def publish_tracker_update(account: EasyPostAccount, tracker: Tracker) -> None:
    """Publish `tracker.created`, unless that was done."""
    if tracker.announcement is None:
        return
    tracker.announcement.cancel()
    tracker.announcement = None
    publish_easypost_event(account, "tracker.created", shown_in_event(tracker), {}, key=tracker.id)


def shown_in_shipment(tracker: Tracker) -> Json:
    return {name: value for name, value in tracker.body.items() if name not in _HIDDEN_IN_SHIPMENT}


def shown_in_event(tracker: Tracker) -> Json:
    return {name: value for name, value in tracker.body.items() if name not in _HIDDEN_IN_EVENT}


def _new(account: EasyPostAccount, code: str, carrier: str, *, shipment: Json | None) -> Tracker:
    tracker_id = new_easypost_id("trk")
    now = stamp(account.now)
    fee = {
        "object": "Fee",
        "type": "TrackerFee",
        "amount": fee_amount(2),
        "charged": shipment is None,
        "refunded": False,
    }
    body = {
        "id": tracker_id,
        "object": "Tracker",
        "mode": account.mode,
        "tracking_code": code,
        "status": "unknown",
        "status_detail": "unknown",
        "created_at": now,
        "updated_at": now,
        "signed_by": None,
        "weight": None,
        "est_delivery_date": None,
        "shipment_id": shipment["id"] if shipment else None,
        "carrier": carrier,
        "tracking_details": [],
        # A label's own tracker is free.
        "fees": [] if shipment else [fee],
        "carrier_detail": None,
        "delivery_evidence": [],
        "finalized": True,
        "is_return": bool(shipment and shipment["is_return"]),
        "public_url": public_tracking_url(tracker_id),
    }
    tracker = Tracker(body)
    account.store.trackers[tracker_id] = tracker
    account.store.by_tracking_code[(code, carrier)] = tracker_id
    return tracker


def _schedule(account: EasyPostAccount, tracker: Tracker, step: JourneyStep, at: datetime) -> None:
    tracker.steps.append(
        account.world.agenda.put(at, lambda: _take_step(account, tracker, step), key=tracker.id)
    )


def _take_step(account: EasyPostAccount, tracker: Tracker, step: JourneyStep) -> None:
    """Move the tracker now; the webhook follows later and shows the tracker as it is at this moment.

    That is why, in real deliveries too, `result.updated_at` lags behind the event's `created_at`.
    """
    before = tracker.body["status"]
    _move(account, tracker, step.status, step.detail, step.scans)
    seen = shown_in_event(tracker) | {"tracking_details": list(tracker.body["tracking_details"])}
    lag = timedelta(seconds=account.settings.event_lag_seconds)
    account.world.agenda.put(
        account.now + lag,
        lambda: _report(account, tracker, seen, before),
        key=tracker.id,
    )


def _report(account: EasyPostAccount, tracker: Tracker, seen: Json, before: str) -> None:
    if tracker.id not in account.store.trackers:  # Deleted since: its webhooks stop.
        return
    publish_tracker_update(account, tracker)
    publish_easypost_event(account, "tracker.updated", seen, {"status": before}, key=tracker.id)


def _move(
    account: EasyPostAccount, tracker: Tracker, status: str, detail: str, scans: tuple[JourneyScan, ...]
) -> None:
    body = tracker.body
    places = _places(account, body)
    body["status"], body["status_detail"] = status, detail
    body["updated_at"] = stamp(account.now)
    body["est_delivery_date"] = None if status in ("unknown", "error") else stamp(account.now)
    for scan in scans:
        body["tracking_details"].append(_detail(account, body["carrier"], scan, places))
    if status == "delivered":
        body["signed_by"] = RECIPIENT
    if status not in ("unknown", "error"):
        body["carrier_detail"] = _carrier_detail(account, status, places)


def _detail(account: EasyPostAccount, carrier: str, scan: JourneyScan, places: dict[str, Place]) -> Json:
    return {
        "object": "TrackingDetail",
        "message": scan.message.format(carrier=carrier),
        "description": "",
        "status": scan.status,
        "status_detail": scan.detail,
        "datetime": stamp(account.now - scan.before),
        "source": carrier,
        "carrier_code": "",
        "tracking_location": {"object": "TrackingLocation", **places[scan.place]},
        "est_delivery_date": None,
    }


def _carrier_detail(account: EasyPostAccount, status: str, places: dict[str, Place]) -> Json:
    origin, destination = places[journeys.ORIGIN], places[journeys.DESTINATION]
    arrived = status in ("delivered", "return_to_sender")
    return {
        "object": "CarrierDetail",
        "service": "First-Class Package Service",
        "container_type": None,
        "est_delivery_date_local": None,
        "est_delivery_time_local": None,
        "origin_location": _line(origin),
        "origin_tracking_location": {"object": "TrackingLocation", **origin},
        "destination_location": _line(destination),
        "destination_tracking_location": {"object": "TrackingLocation", **destination} if arrived else None,
        "guaranteed_delivery_date": None,
        "alternate_identifier": None,
        "initial_delivery_attempt": stamp(account.now) if arrived else None,
    }


def _places(account: EasyPostAccount, body: Json) -> dict[str, Place]:
    """Where this tracker's scans happen: on its shipment's way, or on EasyPost's test route."""
    shipment = account.store.shipments.get(body["shipment_id"] or "")
    if shipment is None:
        origin, destination, hub = TEST_ORIGIN, TEST_DESTINATION, TEST_HUB
    else:
        origin = _place_of(shipment.body["from_address"])
        destination = _place_of(shipment.body["to_address"])
        hub = origin
    return {
        journeys.NOWHERE: NO_PLACE,
        journeys.ORIGIN: origin,
        journeys.HUB: hub,
        journeys.DESTINATION: destination,
    }


def _place_of(address: Json) -> Place:
    return {
        "city": (address["city"] or "").upper() or None,
        "state": address["state"],
        "country": address["country"],
        "zip": (address["zip"] or "")[:5] if address["country"] == "US" else address["zip"],
    }


def _line(place: Place) -> str:
    return f"{place['city'] or ''} {place['state'] or ''}, {place['zip'] or ''}".strip()
