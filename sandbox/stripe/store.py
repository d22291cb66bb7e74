"""What an account stores besides plain JSON objects: sessions, webhook endpoints, answers to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sandbox.clock import Due
from sandbox.vendor_json import Json


@dataclass(slots=True)
class CheckoutSession:
    """A checkout session and what it hides: its lines, and what its money will carry."""

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
    """Where events go. Several secrets sign while one replaces another, the newest first."""

    body: Json
    secrets: list[str]

    @property
    def is_enabled(self) -> bool:
        return bool(self.body["status"] == "enabled")

    def wants(self, kind: str) -> bool:
        return "*" in self.body["enabled_events"] or kind in self.body["enabled_events"]


@dataclass(slots=True)
class StoredAnswer:
    """The first answer under an idempotency key; none while it is still being made."""

    fingerprint: str
    kept_at: datetime
    status: int = 0
    body: bytes = b""

    @property
    def is_answered(self) -> bool:
        return self.status > 0
