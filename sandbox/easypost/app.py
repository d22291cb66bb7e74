"""EasyPost's paths; calls are answered and HTTP faults applied here only."""

from __future__ import annotations

import asyncio
import base64
import binascii
import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from aiohttp import web

from sandbox.clock import Agenda, Clock
from sandbox.easypost import events
from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Handler, Reply
from sandbox.easypost.errors import EasyPostError, inactive_key, no_api_key, resource_not_found
from sandbox.easypost.formats import parse_time
from sandbox.easypost.ids import new_easypost_id
from sandbox.easypost.resources import (
    addresses,
    insurance_claims,
    labels,
    parcels,
    purchases,
    rates,
    scan_forms,
    shipments,
    trackers,
    webhook_endpoints,
)
from sandbox.easypost.settings import EasyPostSettings
from sandbox.easypost.store import ObjectStore
from sandbox.easypost.webhook_delivery import EasyPostWebhookSender
from sandbox.easypost.world import EasyPostWorld
from sandbox.faults import Fault, FaultPlan
from sandbox.vendor_json import Json

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/addresses", addresses.create_address),
    ("GET", "/addresses", addresses.list_addresses),
    ("POST", "/addresses/create_and_verify", addresses.create_and_verify),
    ("GET", "/addresses/{id}", addresses.retrieve_address),
    ("GET", "/addresses/{id}/verify", addresses.verify_address_fields),
    ("POST", "/parcels", parcels.create_parcel),
    ("GET", "/parcels/{id}", parcels.retrieve_parcel),
    ("POST", "/customs_items", parcels.create_customs_item),
    ("GET", "/customs_items/{id}", parcels.retrieve_customs_item),
    ("POST", "/customs_infos", parcels.create_customs_info),
    ("GET", "/customs_infos/{id}", parcels.retrieve_customs_info),
    ("POST", "/shipments", shipments.create_shipment),
    ("GET", "/shipments", shipments.list_stored_shipments),
    ("GET", "/shipments/{id}", shipments.retrieve_shipment),
    ("POST", "/shipments/{id}/rerate", shipments.rerate),
    ("POST", "/shipments/{id}/buy", shipments.buy_shipment),
    ("POST", "/shipments/{id}/refund", shipments.refund_shipment),
    ("POST", "/shipments/{id}/insure", shipments.insure_shipment),
    ("GET", "/shipments/{id}/label", shipments.convert_label),
    ("POST", "/scan_forms", scan_forms.create_scan_form),
    ("GET", "/scan_forms", scan_forms.list_forms),
    ("GET", "/scan_forms/{id}", scan_forms.retrieve_scan_form),
    ("POST", "/claims", insurance_claims.create_insurance_claim),
    ("GET", "/claims", insurance_claims.list_insurance_claims),
    ("GET", "/claims/{id}", insurance_claims.retrieve_insurance_claim),
    ("POST", "/claims/{id}/cancel", insurance_claims.cancel_insurance_claim),
    ("POST", "/refunds", purchases.create_refunds),
    ("GET", "/refunds", purchases.list_postage_refunds),
    ("GET", "/refunds/{id}", purchases.retrieve_postage_refund),
    ("POST", "/trackers", trackers.create_tracker),
    ("GET", "/trackers", trackers.list_trackers),
    ("POST", "/trackers/batch", trackers.create_many),
    ("GET", "/trackers/{id}", trackers.retrieve_tracker_by_id),
    ("DELETE", "/trackers/{id}", trackers.delete_tracker),
    ("GET", "/events", events.list_easypost_events),
    ("GET", "/events/{id}", events.retrieve_stored_event),
    ("GET", "/events/{id}/payloads", events.list_payloads),
    ("GET", "/events/{id}/payloads/{payload_id}", events.retrieve_payload),
    ("POST", "/webhooks", webhook_endpoints.create_webhook),
    ("GET", "/webhooks", webhook_endpoints.list_webhooks),
    ("GET", "/webhooks/{id}", webhook_endpoints.retrieve_webhook),
    ("PATCH", "/webhooks/{id}", webhook_endpoints.update),
    ("PUT", "/webhooks/{id}", webhook_endpoints.update),
    ("DELETE", "/webhooks/{id}", webhook_endpoints.delete_webhook),
)

# A transition of the agenda may start deliveries; every so many, let them go ahead.
BREATHE_EVERY = 20


class Neighbour(Protocol):
    """Another vendor's stand-in that shares clock and agenda: its webhooks are waited for as ours are."""

    def is_busy_with(self, key: str) -> bool: ...

    async def settle(self, key: str | None = None) -> None: ...

    async def reset(self) -> None: ...

    async def close(self) -> None: ...


class EasyPost:
    """The EasyPost stand-in: both modes, with their shared clock and faults."""

    def __init__(self, clock: Clock, settings: EasyPostSettings) -> None:
        self.faults = FaultPlan()
        self.world = EasyPostWorld(clock, Agenda(), self.faults, settings)
        self.accounts = {mode: self._open_account(mode) for mode in ("test", "production")}
        self._advancing = asyncio.Lock()
        self.neighbours: list[Neighbour] = []

    def _open_account(self, mode: str) -> EasyPostAccount:
        store = ObjectStore()
        return EasyPostAccount(mode, self.world, EasyPostWebhookSender(self.world, store), store)

    def add_routes(self, app: web.Application) -> None:
        for method, path, handler in ROUTES:
            app.router.add_route(method, f"/v2{path}", self._endpoint(handler))
        app.router.add_get("/files/{kind}/{day}/{name}", self._file)
        app.router.add_route("*", "/v2/{rest:.*}", self._endpoint(_nothing_here))

    async def reset(self) -> None:
        """Delete all objects, faults and pending transitions. Settings and clock stay."""
        await self.close()
        self.faults.clear()
        self.world.agenda.clear()
        self.accounts = {mode: self._open_account(mode) for mode in self.accounts}
        for neighbour in self.neighbours:
            await neighbour.reset()

    async def close(self) -> None:
        for account in self.accounts.values():
            await account.webhook_sender.close()
        for neighbour in self.neighbours:
            await neighbour.close()

    async def advance(self, until: datetime) -> int:
        """Do all that falls due up to a time, in order of time, and wait for its webhooks.

        A step of an object waits until the webhooks of its step before are settled, because a failed
        one may have to be repeated first. Objects do not wait for each other.

        Returns: how many entries of the agenda were done.
        """
        agenda, clock = self.world.agenda, self.world.clock
        done = 0
        async with self._advancing:
            while True:
                due = agenda.pop(until)
                if due is None:
                    await self._settle()
                    if (soonest := agenda.next_due()) is not None and soonest <= until:
                        continue
                    break
                if self._is_busy_with(due.key):
                    agenda.put_back(due)
                    await self._settle(due.key)
                    continue
                clock.set(max(clock.now(), due.at))
                if due.act is not None:
                    due.act()
                done += 1
                if done % BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
            clock.set(max(clock.now(), until))
        return done

    async def keep_time(self) -> None:
        """With a clock that follows the wall: do things as they fall due, until cancelled."""
        agenda, clock = self.world.agenda, self.world.clock
        while True:
            agenda.changed.clear()
            while (due := agenda.pop(clock.now())) is not None:
                if due.act is not None:
                    due.act()
            soonest = agenda.next_due()
            wait = None if soonest is None else max(0.0, (soonest - clock.now()).total_seconds())
            try:
                await asyncio.wait_for(agenda.changed.wait(), wait)
            except TimeoutError:
                pass

    def _is_busy_with(self, key: str) -> bool:
        return any(account.webhook_sender.is_busy_with(key) for account in self.accounts.values()) or any(
            neighbour.is_busy_with(key) for neighbour in self.neighbours
        )

    async def _settle(self, key: str | None = None) -> None:
        for account in self.accounts.values():
            await account.webhook_sender.settle(key)
        for neighbour in self.neighbours:
            await neighbour.settle(key)

    def _endpoint(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def endpoint(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, handler)

        return endpoint

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a call. HTTP faults are applied here and nowhere else."""
        path = request.path.removeprefix("/v2")
        # Before any fault: a client that hangs up while we are slow has still sent its request.
        await request.read()
        faults = self.faults.for_call(request.method, path, self._recipient(request))
        try:
            for fault in faults:
                if fault.moment == "before" and (struck := await _strike(request, fault)) is not None:
                    return struck
            reply = await self._perform(request, handler, path, faults)
        except EasyPostError as refusal:
            reply = Reply(refusal.to_json(), refusal.status)
        for fault in faults:
            if fault.moment == "after" and (struck := await _strike(request, fault)) is not None:
                return struck
        return _as_json(reply)

    def _recipient(self, request: web.Request) -> str:
        """The recipient of the shipment that the call concerns; empty if there is none."""
        shipment_id = request.match_info.get("id", "")
        for account in self.accounts.values():
            if (shipment := account.store.shipments.get(shipment_id)) is not None:
                return shipment.recipient
        return ""

    async def _perform(self, request: web.Request, handler: Handler, path: str, faults: list[Fault]) -> Reply:
        account = self.accounts[_mode(request)]
        call = await _read(request, path)
        account.store.tally[f"calls {request.method} {_kind_of_path(request)}"] += 1
        for fault in faults:
            if fault.kind == "price" and (shipment := account.store.shipments.get(call.ids.get("id", ""))):
                rates.move_prices(shipment.body["rates"], fault.percent)
        result = handler(account, call)
        reply = await result if inspect.isawaitable(result) else result
        for fault in faults:
            if fault.kind == "no_label" and isinstance(reply.body, dict):
                reply.body = reply.body | {"postage_label": None, "tracking_code": None, "tracker": None}
            if fault.kind == "webhook_first":
                await _deliver_first(account, reply)
        return reply

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """A label or form file: no key needed, as at the file store that the real ones lie in."""
        name = request.match_info["name"]
        for account in self.accounts.values():
            if (form := account.store.scan_forms.get(account.store.form_files.get(name, ""))) is not None:
                return web.Response(body=scan_forms.draw_scan_form(form), content_type="application/pdf")
            shipment = account.store.shipments.get(account.store.label_files.get(name, ""))
            if shipment is None:
                continue
            made = parse_time(shipment.body["postage_label"]["created_at"])
            limit = account.settings.label_url_seconds
            if limit is not None and account.now - made > timedelta(seconds=limit):
                return web.Response(status=403, text="Request has expired", content_type="text/plain")
            suffix = name.rpartition(".")[2]
            is_form = request.match_info["kind"] == "form"
            content = labels.invoice(shipment.body) if is_form else labels.draw_label(shipment.body, suffix)
            return web.Response(body=content, headers={"Content-Type": labels.CONTENT_TYPES[suffix]})
        return web.Response(status=404, text="Not found")


def _nothing_here(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    raise resource_not_found()


async def _deliver_first(account: EasyPostAccount, reply: Reply) -> None:
    """Announce the tracker of a purchase and wait for the webhook, before the call is answered."""
    body = reply.body if isinstance(reply.body, dict) else {}
    tracker_id = (body.get("tracker") or {}).get("id", "")
    if (tracker := account.store.trackers.get(tracker_id)) is not None:
        trackers.publish_tracker_update(account, tracker)
        await account.webhook_sender.settle(tracker.id)


async def _strike(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """The response of a fault that replaces the call's; None if the call proceeds."""
    match fault.kind:
        case "delay":
            await asyncio.sleep(fault.seconds)
        case "drop":
            return _dropped(request)
        case "status":
            return _failure(fault)
        case "html":
            page = "<html><body><h1>Bad Gateway</h1></body></html>"
            return web.Response(status=fault.status or 502, text=page, content_type="text/html")
        case "garbage":
            return web.Response(text="upstream connect error", content_type="application/json")
    return None


def _dropped(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _failure(fault: Fault) -> web.StreamResponse:
    status = fault.status or 500
    codes = {
        423: ("SHIPMENT.PURCHASE.IN_PROGRESS", "The resource is locked by another request."),
        429: ("RATE_LIMITED", "Too many requests. Retry with backoff."),
        503: ("SERVICE_UNAVAILABLE", "The service is temporarily unavailable."),
    }
    standard = (
        "INTERNAL_SERVER_ERROR",
        "We're sorry, something went wrong. If the problem persists please contact Support.",
    )
    code, message = codes.get(status, standard)
    refusal = EasyPostError(status, fault.code or code, fault.message or message)
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return _as_json(Reply(refusal.to_json(), status, headers))


def _as_json(reply: Reply) -> web.Response:
    return web.Response(
        body=json.dumps(reply.body, separators=(",", ":")).encode(),
        status=reply.status,
        headers={"x-ep-request-uuid": new_easypost_id("r")[2:], **reply.headers},
        content_type="application/json",
        charset="utf-8",
    )


def _mode(request: web.Request) -> str:
    """The mode of the call's API key, sent as a bearer token or as a basic-auth user."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        key = credentials.strip()
    elif scheme.lower() == "basic":
        key = _basic_user(credentials)
    else:
        raise no_api_key()
    if key.startswith("EZTK"):
        return "test"
    if key.startswith("EZAK"):
        return "production"
    raise inactive_key()


def _basic_user(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        raise inactive_key() from None


async def _read(request: web.Request, path: str) -> EasyPostCall:
    return EasyPostCall(
        method=request.method,
        path=path,
        base_url=f"{request.scheme}://{request.host}",
        ids=dict(request.match_info),
        query=dict(request.query),
        query_lists={name: request.query.getall(name) for name in request.query},
        body=await _read_body(request),
    )


async def _read_body(request: web.Request) -> Json:
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise EasyPostError(400, "BAD_REQUEST", "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise EasyPostError(400, "BAD_REQUEST", "The body must be a JSON object.")
    return body


def _kind_of_path(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix("/v2") if resource is not None else request.path
