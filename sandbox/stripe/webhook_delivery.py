"""Delivers events to the webhook endpoints: signed, in order per object, repeated when they fail."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter, deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import aiohttp

from sandbox.stripe.store import Endpoint
from sandbox.stripe.world import StripeWorld
from sandbox.vendor_json import Json

Line = tuple[str, str]

AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
# How long a delivery held for reordering waits for the next one of its object.
HELD_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StripeDelivery:
    """One event on its way to one endpoint. `at` is when this attempt became due."""

    event: Json
    endpoint_id: str
    key: str
    at: datetime
    attempt: int = 0
    is_badly_signed: bool = False
    is_thin: bool = False

    @property
    def line(self) -> Line:
        return (self.key, self.endpoint_id)


class StripeWebhookSender:
    """Sends the events of one account. `endpoints` and `tally` are the account's own."""

    def __init__(self, world: StripeWorld, endpoints: dict[str, Endpoint], tally: Counter[str]) -> None:
        self._world = world
        self._endpoints = endpoints
        self._tally = tally
        self._lines: dict[Line, deque[StripeDelivery]] = {}
        self._workers: dict[Line, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._held: dict[Line, StripeDelivery] = {}
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(world.settings.webhook_concurrency)

    def send(self, event: Json, *, key: str) -> None:
        """Send an event to every endpoint subscribed to it, subject to the faults."""
        for endpoint_id, endpoint in self._endpoints.items():
            if endpoint.is_enabled and endpoint.wants(event["type"]):
                self._dispatch(StripeDelivery(event, endpoint_id, key, self._world.clock.now()))

    def send_again(self, event: Json) -> None:
        """Resend an event, as the dashboard's button does, whatever its earlier deliveries."""
        for endpoint_id in self._endpoints:
            self._enqueue(StripeDelivery(event, endpoint_id, event["id"], self._world.clock.now()))

    def is_busy_with(self, key: str) -> bool:
        return self._busy[key] > 0

    async def settle(self, key: str | None = None) -> None:
        """Wait until nothing (of `key`) is on its way. What waits on the agenda is not on its way."""
        while workers := [
            worker for (line_key, _), worker in self._workers.items() if key is None or line_key == key
        ]:
            await asyncio.wait(workers)

    async def close(self) -> None:
        for worker in self._workers.values():
            worker.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _dispatch(self, delivery: StripeDelivery) -> None:
        """Apply the webhook faults. They are applied nowhere else."""
        copies, hold = 1, False
        status = str(delivery.event["data"]["object"].get("status", ""))
        for fault in self._world.faults.for_event(delivery.event["type"], status):
            match fault.kind:
                case "webhook_drop":
                    self._tally["webhooks_dropped"] += 1
                    return
                case "webhook_delay":
                    self._later(delivery, delivery.at + timedelta(seconds=fault.seconds))
                    return
                case "webhook_bad_signature":
                    delivery = replace(delivery, is_badly_signed=True)
                case "webhook_thin":
                    delivery = replace(delivery, is_thin=True)
                case "webhook_duplicate":
                    copies = fault.times
                case "webhook_reorder":
                    hold = True
        if hold and delivery.line not in self._held:
            self._hold(delivery)
            return
        for _ in range(copies):
            self._enqueue(delivery)
        if (held := self._held.pop(delivery.line, None)) is not None:
            self._enqueue(held)

    def _hold(self, delivery: StripeDelivery) -> None:
        """Keep a delivery back until the next one of its line has gone ahead, or for an hour."""
        self._held[delivery.line] = delivery

        def release() -> None:
            if self._held.get(delivery.line) is delivery:
                del self._held[delivery.line]
                self._enqueue(delivery)

        self._world.agenda.put(delivery.at + HELD_FOR, release, key=delivery.key)

    def _later(self, delivery: StripeDelivery, at: datetime) -> None:
        later = replace(delivery, at=at)
        self._world.agenda.put(at, lambda: self._enqueue(later), key=delivery.key)

    def _enqueue(self, delivery: StripeDelivery) -> None:
        self._lines.setdefault(delivery.line, deque()).append(delivery)
        if delivery.line not in self._workers:
            self._busy[delivery.key] += 1
            self._workers[delivery.line] = asyncio.create_task(self._work(delivery.line))

    async def _work(self, line: Line) -> None:
        try:
            waiting = self._lines[line]
            while waiting:
                await self._deliver(waiting.popleft())
        finally:
            del self._lines[line], self._workers[line]
            self._busy[line[0]] -= 1

    async def _deliver(self, delivery: StripeDelivery) -> None:
        endpoint = self._endpoints.get(delivery.endpoint_id)
        if endpoint is None or not endpoint.is_enabled:
            return
        async with self._slots:
            code = await self._post(delivery)
        if code is not None and 200 <= code < 300:
            self._tally["webhooks_delivered"] += 1
            delivery.event["pending_webhooks"] = max(0, delivery.event["pending_webhooks"] - 1)
            return
        self._tally["webhooks_failed"] += 1
        pauses = self._world.settings.webhook_retry_seconds
        if delivery.attempt < len(pauses):
            # A repeat is signed anew, with the time it is made at.
            again = replace(delivery, attempt=delivery.attempt + 1, is_badly_signed=False, is_thin=False)
            self._later(again, delivery.at + timedelta(seconds=pauses[delivery.attempt]))
        else:
            self._tally["webhooks_given_up"] += 1

    async def _post(self, delivery: StripeDelivery) -> int | None:
        """Send once; the status code is None if there was no response in time."""
        endpoint = self._endpoints[delivery.endpoint_id]
        if self._session is None:
            # trust_env is off: a proxy or netrc of the environment must not affect deliveries.
            self._session = aiohttp.ClientSession(skip_auto_headers={"Accept", "Accept-Encoding"})
        event = thin_event(delivery.event) if delivery.is_thin else delivery.event
        body = json.dumps(event, indent=2).encode()
        secrets = [f"not {one}" for one in endpoint.secrets] if delivery.is_badly_signed else endpoint.secrets
        headers = {
            "User-Agent": AGENT,
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign_stripe_event(secrets, body, at=self._world.clock.now()),
        }
        timeout = aiohttp.ClientTimeout(total=self._world.settings.webhook_timeout_seconds)
        try:
            async with self._session.post(
                endpoint.body["url"], data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None


def thin_event(event: Json) -> Json:
    """The event as a thin event: a reference to its object, without the object."""
    subject = event["data"]["object"]
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": datetime.fromtimestamp(event["created"], UTC).isoformat(),
        "livemode": event["livemode"],
        "related_object": {"id": subject["id"], "type": subject["object"], "url": ""},
    }


def sign_stripe_event(secrets: list[str], body: bytes, *, at: datetime) -> str:
    """`t=…,v1=…`, one signature for each secret in use."""
    moment = str(int(at.timestamp()))
    signed = moment.encode() + b"." + body
    parts = [f"v1={hmac.new(secret.encode(), signed, sha256).hexdigest()}" for secret in secrets]
    return ",".join([f"t={moment}", *parts])
