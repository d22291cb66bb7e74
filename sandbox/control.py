"""The control API under `/_control/`, for tests and rehearsals; vendors' clients do not use it.

Time, settings, faults, pushing a tracker, reset, and the stand-in's own records for comparison.
All bodies are JSON; an invalid request gets 400 and `{"error": …}`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from aiohttp import web

from sandbox.control_requests import ControlHandler, ControlRefused, answering, body_of
from sandbox.easypost.account import EasyPostAccount
from sandbox.easypost.app import EasyPost
from sandbox.easypost.formats import as_cents, milli_stamp, parse_time
from sandbox.easypost.resources import trackers
from sandbox.easypost.settings import BadSetting, EasyPostSettings
from sandbox.easypost.store import Tracker
from sandbox.faults import InvalidFault
from sandbox.vendor_json import Json

_TALLIES = (
    "webhooks_delivered",
    "webhooks_failed",
    "webhooks_dropped",
    "webhooks_given_up",
    "events",
    "second_purchases_refused",
)


class ControlRoutes:
    """Handlers of `/_control/…`. `settings`: the initial settings, restored by a reset."""

    def __init__(self, vendor: EasyPost, settings: EasyPostSettings) -> None:
        self._vendor = vendor
        self._first_settings = settings

    def add_routes(self, app: web.Application) -> None:
        routes: list[tuple[str, str, ControlHandler]] = [
            ("GET", "/health", self.health),
            ("POST", "/reset", self.reset),
            ("GET", "/clock", self.clock),
            ("POST", "/clock", self.move_clock),
            ("GET", "/settings", self.settings),
            ("POST", "/settings", self.change_settings),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/trackers/{id}/push", self.push),
            ("GET", "/state", self.state),
            ("GET", "/labels", self.labels),
        ]
        for method, path, handler in routes:
            app.router.add_route(method, f"/_control{path}", answering(handler))

    async def health(self, request: web.Request) -> Json:
        return {"ok": True, "virtual": self._vendor.world.clock.is_virtual}

    async def reset(self, request: web.Request) -> Json:
        """Delete everything; `now` sets a virtual clock to any time, also backwards."""
        body = await body_of(request)
        await self._vendor.reset()
        self._vendor.world.settings = self._first_settings
        if "now" in body:
            self._vendor.world.clock.set(_time(body["now"]))
        return self._clock()

    async def clock(self, request: web.Request) -> Json:
        return self._clock()

    async def move_clock(self, request: web.Request) -> Json:
        """Advance to `now`, or by `advance_seconds`, performing everything due until then."""
        clock = self._vendor.world.clock
        if not clock.is_virtual:
            raise ControlRefused("this stand-in follows real time", 409)
        target = self._target(await body_of(request), clock.now())
        if target < clock.now():
            if len(self._vendor.world.agenda):
                raise ControlRefused("time can only go back when nothing is due; reset first", 409)
            clock.set(target)
        before = self._tally()
        done = await self._vendor.advance(target)
        after = self._tally()
        return self._clock() | {"done": done} | {name: after[name] - before[name] for name in _TALLIES}

    async def settings(self, request: web.Request) -> Json:
        return self._vendor.world.settings.to_json()

    async def change_settings(self, request: web.Request) -> Json:
        try:
            changed = self._vendor.world.settings.changed(await body_of(request))
        except (BadSetting, TypeError) as error:
            raise ControlRefused(str(error)) from None
        self._vendor.world.settings = changed
        return changed.to_json()

    async def faults(self, request: web.Request) -> Json:
        return {"faults": self._vendor.faults.to_json()}

    async def add_fault(self, request: web.Request) -> Json:
        try:
            return self._vendor.faults.add(await body_of(request)).to_json()
        except InvalidFault as error:
            raise ControlRefused(str(error)) from None

    async def clear_faults(self, request: web.Request) -> Json:
        self._vendor.faults.clear()
        return {"faults": []}

    async def push(self, request: web.Request) -> Json:
        """Move a tracker, identified by its id, its shipment's id or its tracking code.

        Body: status; optional status_detail, message, signed_by, and halt (default true: ends the scripted
        journey). Responds once the webhooks are delivered.
        """
        account, tracker = self._find_tracker(request.match_info["id"])
        body = await body_of(request)
        status = body.get("status")
        if not isinstance(status, str):
            raise ControlRefused("status is required")
        change = trackers.Push(
            status=status,
            detail=str(body.get("status_detail") or status),
            message=str(body.get("message") or status.replace("_", " ").capitalize()),
            signed_by=body.get("signed_by"),
        )
        trackers.push(account, tracker, change, halt=bool(body.get("halt", True)))
        await account.webhook_sender.settle(tracker.id)
        return tracker.body

    async def state(self, request: web.Request) -> Json:
        """Counts and amounts, by mode."""
        return {
            "clock": self._clock(),
            "modes": {mode: _counts(account) for mode, account in self._accounts()},
        }

    async def labels(self, request: web.Request) -> Json:
        """Every label bought so far, in order of purchase."""
        rows = [row for _, account in self._accounts() for row in _labels(account)]
        return {"labels": rows}

    def _accounts(self) -> list[tuple[str, EasyPostAccount]]:
        return list(self._vendor.accounts.items())

    def _tally(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for _, account in self._accounts():
            total.update(account.store.tally)
        return total

    def _clock(self) -> Json:
        world = self._vendor.world
        soonest = world.agenda.next_due()
        return {
            "now": milli_stamp(world.clock.now()),
            "virtual": world.clock.is_virtual,
            "next_due": None if soonest is None else milli_stamp(soonest),
            "due": len(world.agenda),
        }

    def _target(self, body: Json, now: datetime) -> datetime:
        if "now" in body:
            return _time(body["now"])
        seconds = body.get("advance_seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise ControlRefused("give `now` or `advance_seconds`")
        return now + timedelta(seconds=seconds)

    def _find_tracker(self, key: str) -> tuple[EasyPostAccount, Tracker]:
        for _, account in self._accounts():
            store = account.store
            shipment = store.shipments.get(key)
            tracker_id = shipment.body["tracker"] if shipment else key
            if tracker_id in store.trackers:
                return account, store.trackers[tracker_id]
            for (code, _), by_code in store.by_tracking_code.items():
                if code == key:
                    return account, store.trackers[by_code]
        raise ControlRefused("tracker not found", 404)


def _counts(account: EasyPostAccount) -> Json:
    store = account.store
    wallet = account.settings.wallet_cents
    return {
        "addresses": len(store.addresses),
        "shipments": len(store.shipments),
        "labels_bought": store.labels_bought,
        "labels_refunded": store.labels_refunded,
        "labels_live": store.labels_bought - store.labels_refunded,
        "spent_cents": store.spent_cents,
        "refunded_cents": store.refunded_cents,
        "compensated_cents": store.compensated_cents,
        "wallet_cents": None
        if wallet is None
        else wallet - store.spent_cents + store.refunded_cents + store.compensated_cents,
        "trackers": dict(Counter(tracker.body["status"] for tracker in store.trackers.values())),
        "webhooks": [hook.body for hook in store.webhooks.values()],
        "calls": {
            name.removeprefix("calls "): count
            for name, count in sorted(store.tally.items())
            if name.startswith("calls ")
        },
        **{name: store.tally[name] for name in _TALLIES},
    }


def _labels(account: EasyPostAccount) -> list[Json]:
    rows = []
    for shipment in account.store.shipments.values():
        if not shipment.is_bought:
            continue
        rate = shipment.body["selected_rate"]
        tracker = account.store.trackers.get(shipment.body["tracker"])
        rows.append(
            {
                "shipment_id": shipment.id,
                "mode": account.mode,
                "reference": shipment.body["reference"],
                "tracking_code": shipment.body["tracking_code"],
                "carrier": rate["carrier"],
                "service": rate["service"],
                "rate_cents": as_cents(rate["rate"]),
                "cost_cents": shipment.cost_cents,
                "refund_status": shipment.body["refund_status"],
                "tracker_status": tracker.body["status"] if tracker else None,
            }
        )
    return rows


def _time(value: object) -> datetime:
    try:
        return parse_time(str(value))
    except ValueError:
        raise ControlRefused(f"{value!r} is not an ISO 8601 time") from None
