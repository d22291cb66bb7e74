"""What an account stores besides plain JSON objects: sessions, webhook endpoints, answers to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sandbox.clock import Due
from sandbox.vendor_json import Json


@dataclass(slots=True)
class CheckoutSession:
    """A checkout session with its internal data: its line items and the data of its payment."""

    body: Json
    lines: list[Json]
    money_metadata: dict[str, str]
    receipt_email: str | None
    ends: Due | None = None
    decision: Due | None = None

    @property
    def is_open(self) -> bool:
        return bool(self.body["status"] == "open")


@dataclass(slots=True)
class Endpoint:
    """A webhook endpoint. During a rotation several secrets sign, the newest first."""

    body: Json
    secrets: list[str]

    @property
    def is_enabled(self) -> bool:
        return bool(self.body["status"] == "enabled")

    def wants(self, kind: str) -> bool:
        return "*" in self.body["enabled_events"] or kind in self.body["enabled_events"]


@dataclass(slots=True)
class StoredAnswer:
    """The first response under an idempotency key; None while the request is in progress."""

    fingerprint: str
    kept_at: datetime
    status: int = 0
    body: bytes = b""

    @property
    def is_answered(self) -> bool:
        return self.status > 0
