"""Stripe's paths and idempotency; calls are answered and HTTP faults applied here only."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiohttp import web

from sandbox.clock import Agenda, Clock
from sandbox.faults import Fault, FaultPlan
from sandbox.stripe.account import Handler, StripeAccount, StripeCall
from sandbox.stripe.errors import StripeError, bad_key, in_use, no_such, other_parameters
from sandbox.stripe.form_encoding import parse
from sandbox.stripe.ids import new_stripe_id
from sandbox.stripe.resources.objects import API_VERSION
from sandbox.stripe.routes import ROUTES
from sandbox.stripe.settings import StripeSettings
from sandbox.stripe.store import Endpoint, StoredAnswer
from sandbox.stripe.webhook_delivery import StripeWebhookSender
from sandbox.stripe.world import StripeWorld

KEY_KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255


class Stripe:
    """The Stripe stand-in: both modes and their faults. The clock is shared with the other stand-ins."""

    def __init__(self, clock: Clock, agenda: Agenda, settings: StripeSettings) -> None:
        self.faults = FaultPlan()
        self.world = StripeWorld(clock, agenda, self.faults, settings)
        self._first_settings = settings
        self.accounts = {mode: self._open(mode) for mode in ("test", "live")}

    def _open(self, mode: str) -> StripeAccount:
        endpoints: dict[str, Endpoint] = {}
        tally: Counter[str] = Counter()
        sender = StripeWebhookSender(self.world, endpoints, tally)
        return StripeAccount(mode, self.world, sender, endpoints, tally)

    def add_routes(self, app: web.Application) -> None:
        for method, path, handler in ROUTES:
            app.router.add_route(method, f"/v1{path}", self._endpoint(handler))
        app.router.add_route("*", "/v1/{rest:.*}", self._endpoint(_nothing_here))

    def is_busy_with(self, key: str) -> bool:
        return any(account.webhook_sender.is_busy_with(key) for account in self.accounts.values())

    async def settle(self, key: str | None = None) -> None:
        for account in self.accounts.values():
            await account.webhook_sender.settle(key)

    async def reset(self) -> None:
        """Delete all objects and faults and restore the initial settings."""
        await self.close()
        self.faults.clear()
        self.world.settings = self._first_settings
        self.accounts = {mode: self._open(mode) for mode in self.accounts}

    async def close(self) -> None:
        for account in self.accounts.values():
            await account.webhook_sender.close()

    def _endpoint(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def endpoint(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, handler)

        return endpoint

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a call. HTTP faults are applied here and nowhere else."""
        # Before any fault: a client that hangs up while we are slow has still sent its request.
        raw = await request.read()
        faults = self.faults.for_call(request.method, request.path.removeprefix("/v1"))
        try:
            account = self.accounts[_mode(request)]
            account.tally[f"calls {request.method} {_kind_of_path(request)}"] += 1
            if request.method == "POST":
                return await self._once(request, raw, account, handler, faults)
            return await _work(request, raw, account, handler, faults, kept=None)
        except StripeError as refusal:
            return _as_json(refusal.to_json(), refusal.status)

    async def _once(
        self,
        request: web.Request,
        raw: bytes,
        account: StripeAccount,
        handler: Handler,
        faults: list[Fault],
    ) -> web.StreamResponse:
        """Answer a POST: a repeated idempotency key gets the first response again."""
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return await _work(request, raw, account, handler, faults, kept=None)
        if len(key) > LONGEST_KEY:
            raise StripeError(400, "Idempotency keys are at most 255 characters.")
        fingerprint = hashlib.sha256(request.path.encode() + b"\n" + raw).hexdigest()
        before = account.kept.get(key)
        if before is not None and account.now - before.kept_at > KEY_KEPT_FOR:
            before = None
        if before is not None:
            if before.fingerprint != fingerprint:
                raise other_parameters()
            if not before.is_answered:
                raise in_use()
            account.tally["replays"] += 1
            for fault in faults:
                # What is between the vendor and us strikes an answer however old it is.
                if fault.kind != "status" and (struck := await _strike(request, fault, None)) is not None:
                    return struck
            return web.Response(
                body=before.body,
                status=before.status,
                headers={**_headers(), "Idempotent-Replayed": "true"},
                content_type="application/json",
            )
        kept = account.kept[key] = StoredAnswer(fingerprint, account.now)
        try:
            return await _work(request, raw, account, handler, faults, kept=kept)
        finally:
            # Refused before it began: the key can be used again.
            if not kept.is_answered:
                account.kept.pop(key, None)


async def _work(
    request: web.Request,
    raw: bytes,
    account: StripeAccount,
    handler: Handler,
    faults: list[Fault],
    *,
    kept: StoredAnswer | None,
) -> web.StreamResponse:
    """Do what a call asks for. A failure of ours, once it is an answer, is the key's answer for ever."""
    for fault in faults:
        if fault.moment == "before" and (struck := await _strike(request, fault, kept)) is not None:
            return struck
    text = raw.decode() if request.method == "POST" else request.query_string
    origin = f"{request.scheme}://{request.host}"
    call = StripeCall(origin=origin, ids=dict(request.match_info), params=parse(text))
    body = handler(account, call)
    content = json.dumps(body, indent=2).encode()
    if kept is not None:
        kept.status, kept.body = 200, content
    for fault in faults:
        if fault.moment == "after" and (struck := await _strike(request, fault, kept)) is not None:
            return struck
    return web.Response(body=content, headers=_headers(), content_type="application/json")


async def _strike(request: web.Request, fault: Fault, kept: StoredAnswer | None) -> web.StreamResponse | None:
    """The response of a fault that replaces the call's; None if the call proceeds."""
    match fault.kind:
        case "delay":
            await asyncio.sleep(fault.seconds)
        case "drop":
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        case "status":
            return _failure(fault, kept)
        case "html":
            page = "<html><body><h1>Bad Gateway</h1></body></html>"
            return web.Response(status=fault.status or 502, text=page, content_type="text/html")
        case "garbage":
            return web.Response(text="upstream connect error", content_type="application/json")
    return None


def _failure(fault: Fault, kept: StoredAnswer | None) -> web.Response:
    status = fault.status or 500
    kind = "rate_limit_error" if status == 429 else "api_error"
    standard = "Too many requests." if status == 429 else "An unknown error occurred."
    refusal = StripeError(status, fault.message or standard, kind=kind, code=fault.code)
    answer = _as_json(refusal.to_json(), status)
    if kept is not None and status >= 500:
        assert isinstance(answer.body, bytes)
        kept.status, kept.body = status, answer.body
    return answer


def _nothing_here(account: StripeAccount, call: StripeCall) -> dict[str, object]:
    raise no_such("page", call.ids.get("rest", ""))


def _as_json(body: object, status: int) -> web.Response:
    content = json.dumps(body, indent=2).encode()
    return web.Response(body=content, status=status, headers=_headers(), content_type="application/json")


def _headers() -> dict[str, str]:
    return {"Request-Id": new_stripe_id("req"), "Stripe-Version": API_VERSION}


def _mode(request: web.Request) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    parts = key.strip().split("_")
    if (
        scheme.lower() == "bearer"
        and len(parts) > 2
        and parts[0] in ("sk", "rk")
        and parts[1] in ("test", "live")
    ):
        return parts[1]
    raise bad_key()


def _kind_of_path(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix("/v1") if resource is not None else request.path
