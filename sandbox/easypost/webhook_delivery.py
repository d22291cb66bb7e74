"""Delivers events to the webhook endpoints: signed, in order per object, repeated when they fail.

Objects (trackers, refunds) are served side by side; the deliveries of one object to one endpoint stand in
a line, and a repeat goes back to the agenda, so that virtual time decides when it is due.
"""

from __future__ import annotations

import asyncio
import hmac
import unicodedata
from collections import Counter, deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

import aiohttp

from sandbox.easypost.formats import stamp
from sandbox.easypost.ids import new_easypost_id
from sandbox.easypost.store import ObjectStore, StoredEvent, WebhookEndpoint
from sandbox.easypost.world import EasyPostWorld
from sandbox.vendor_json import Json

AGENT = "EasyPost WebHook Agent 1.0"
# How long a delivery held for reordering waits for the next one of its object.
HELD_FOR = timedelta(hours=1)

Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class EasyPostDelivery:
    """One event on its way to one endpoint. `at` is when this attempt became due."""

    event: StoredEvent
    hook_id: str
    at: datetime
    attempt: int = 0
    is_badly_signed: bool = False

    @property
    def line(self) -> Line:
        return (self.event.key, self.hook_id)


class EasyPostWebhookSender:
    def __init__(self, world: EasyPostWorld, store: ObjectStore) -> None:
        self._world = world
        self._store = store
        self._lines: dict[Line, deque[EasyPostDelivery]] = {}
        self._workers: dict[Line, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._held: dict[Line, EasyPostDelivery] = {}
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(world.settings.webhook_concurrency)
        self._slots_made = world.settings.webhook_concurrency

    def send(self, event: StoredEvent) -> None:
        """Send an event to every enabled endpoint, subject to the faults."""
        for hook_id, hook in self._store.webhooks.items():
            if hook.is_enabled:
                self._dispatch(EasyPostDelivery(event, hook_id, self._world.clock.now()))

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

    def _dispatch(self, delivery: EasyPostDelivery) -> None:
        """Apply the webhook faults. They are applied nowhere else."""
        copies, hold = 1, False
        event = delivery.event
        for fault in self._world.faults.for_event(event.description, event.status, self._recipient(event)):
            match fault.kind:
                case "webhook_drop":
                    self._store.tally["webhooks_dropped"] += 1
                    return
                case "webhook_delay":
                    self._later(delivery, delivery.at + timedelta(seconds=fault.seconds))
                    return
                case "webhook_bad_signature":
                    delivery = replace(delivery, is_badly_signed=True)
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

    def _recipient(self, event: StoredEvent) -> str:
        """The recipient of the event's parcel; empty if there is none."""
        tracker = self._store.trackers.get(event.key)
        shipment = self._store.shipments.get((tracker.body["shipment_id"] or "") if tracker else "")
        return shipment.recipient if shipment else ""

    def _hold(self, delivery: EasyPostDelivery) -> None:
        """Keep a delivery back until the next one of its line has gone ahead, or for an hour."""
        self._held[delivery.line] = delivery

        def release() -> None:
            if self._held.get(delivery.line) is delivery:
                del self._held[delivery.line]
                self._enqueue(delivery)

        self._world.agenda.put(delivery.at + HELD_FOR, release, key=delivery.event.key)

    def _later(self, delivery: EasyPostDelivery, at: datetime) -> None:
        later = replace(delivery, at=at)
        self._world.agenda.put(at, lambda: self._enqueue(later), key=delivery.event.key)

    def _enqueue(self, delivery: EasyPostDelivery) -> None:
        self._lines.setdefault(delivery.line, deque()).append(delivery)
        if delivery.line not in self._workers:
            self._busy[delivery.event.key] += 1
            self._workers[delivery.line] = asyncio.create_task(self._work(delivery.line))

    async def _work(self, line: Line) -> None:
        try:
            waiting = self._lines[line]
            while waiting:
                await self._deliver(waiting.popleft())
        finally:
            del self._lines[line], self._workers[line]
            self._busy[line[0]] -= 1

    async def _deliver(self, delivery: EasyPostDelivery) -> None:
        hook = self._store.webhooks.get(delivery.hook_id)
        if hook is None or not hook.is_enabled:
            return
        async with self._free_slot():
            code, answer = await self._post(delivery, hook)
        self._record(delivery, hook, code, answer)
        if code is not None and 200 <= code < 300:
            self._succeeded(delivery, hook)
        else:
            self._failed(delivery, hook)

    def _free_slot(self) -> asyncio.Semaphore:
        wanted = self._world.settings.webhook_concurrency
        if wanted != self._slots_made:
            self._slots, self._slots_made = asyncio.Semaphore(wanted), wanted
        return self._slots

    async def _post(self, delivery: EasyPostDelivery, hook: WebhookEndpoint) -> tuple[int | None, str | None]:
        """Send once; the status code is None if there was no response in time."""
        if self._session is None:
            # trust_env is off: a proxy or netrc of the environment must not affect deliveries.
            self._session = aiohttp.ClientSession(skip_auto_headers={"Accept", "Accept-Encoding"})
        timeout = aiohttp.ClientTimeout(total=self._world.settings.webhook_timeout_seconds)
        headers = request_headers(delivery, hook, user_id=str(delivery.event.head["user_id"]))
        try:
            async with self._session.post(
                hook.body["url"],
                data=delivery.event.body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return response.status, (await response.text(errors="replace"))[:500]
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None, None

    def _record(
        self, delivery: EasyPostDelivery, hook: WebhookEndpoint, code: int | None, answer: str | None
    ) -> None:
        now = stamp(max(delivery.at, self._world.clock.now()))
        payload: Json = {
            "id": new_easypost_id("payload"),
            "object": "Payload",
            "created_at": now,
            "updated_at": now,
            "request_url": hook.body["url"],
            "request_headers": {"User-Agent": AGENT, "Content-Type": "application/json"},
            "response_headers": {},
            "response_body": answer,
            "response_code": code,
            "total_time": 0,
        }
        self._store.payloads.setdefault(delivery.event.id, []).append(payload)

    def _succeeded(self, delivery: EasyPostDelivery, hook: WebhookEndpoint) -> None:
        self._store.tally["webhooks_delivered"] += 1
        hook.last_success_at = delivery.at
        event, url = delivery.event, hook.body["url"]
        if url in event.pending_urls:
            event.pending_urls.remove(url)
            event.completed_urls.append(url)
        if not event.pending_urls:
            event.head["status"] = "completed"

    def _failed(self, delivery: EasyPostDelivery, hook: WebhookEndpoint) -> None:
        """Retry later; after the last retry, disable an endpoint that accepted nothing in all that time."""
        self._store.tally["webhooks_failed"] += 1
        pauses = self._world.settings.webhook_retry_seconds
        if delivery.attempt < len(pauses):
            again = replace(delivery, attempt=delivery.attempt + 1)
            self._later(again, delivery.at + timedelta(seconds=pauses[delivery.attempt]))
            return
        self._store.tally["webhooks_given_up"] += 1
        if hook.last_success_at is None or hook.last_success_at < delivery.event.created_at:
            hook.body["disabled_at"] = stamp(delivery.at)


def sign_easypost_event(secret: str, body: bytes) -> str:
    """EasyPost's webhook signature, version 1: HMAC-SHA256 under the NFKD form of the secret."""
    key = unicodedata.normalize("NFKD", secret).encode()
    return f"hmac-sha256-hex={hmac.new(key, body, sha256).hexdigest()}"


def request_headers(delivery: EasyPostDelivery, hook: WebhookEndpoint, *, user_id: str) -> dict[str, str]:
    headers = {
        "User-Agent": AGENT,
        "Content-Type": "application/json",
        "X-Webhook-User-Id": user_id,
    }
    headers |= {header["name"]: header["value"] for header in hook.body["custom_headers"]}
    if hook.secret is not None:
        secret = f"not {hook.secret}" if delivery.is_badly_signed else hook.secret
        headers["X-Hmac-Signature"] = sign_easypost_event(secret, delivery.event.body)
    return headers
