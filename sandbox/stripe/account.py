"""All that one mode (test or live) of the stand-in owns, and the time it shares with the other vendors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.clock import Agenda, Clock, Due
from sandbox.faults import FaultBook
from sandbox.stripe.errors import no_such
from sandbox.stripe.settings import StripeSettings

if TYPE_CHECKING:
    from sandbox.stripe.webhook_delivery import StripeWebhookSender

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(slots=True)
class StripeWorld:
    """What both modes share. Clock and agenda are those of all the stand-ins; faults are Stripe's own."""

    clock: Clock
    agenda: Agenda
    faults: FaultBook
    settings: StripeSettings


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


@dataclass(slots=True)
class StripeAccount:
    mode: str
    world: StripeWorld
    courier: StripeWebhookSender
    sessions: dict[str, CheckoutSession] = field(default_factory=dict)
    intents: dict[str, Json] = field(default_factory=dict)
    charges: dict[str, Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    disputes: dict[str, Json] = field(default_factory=dict)
    entries: dict[str, Json] = field(default_factory=dict)
    events: dict[str, Json] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    kept: dict[str, StoredAnswer] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    @property
    def settings(self) -> StripeSettings:
        return self.world.settings

    @property
    def is_live(self) -> bool:
        return self.mode == "live"

    def session(self, session_id: str) -> CheckoutSession:
        return _find(self.sessions, session_id, "checkout.session")

    def intent(self, intent_id: str) -> Json:
        return _find(self.intents, intent_id, "payment_intent")

    def charge(self, charge_id: str) -> Json:
        return _find(self.charges, charge_id, "charge")

    def charge_of(self, intent_id: str) -> Json | None:
        """The charge of a payment intent that was paid."""
        charge_id = self.intents[intent_id]["latest_charge"] if intent_id in self.intents else None
        return self.charges.get(charge_id) if charge_id else None

    def refund(self, refund_id: str) -> Json:
        return _find(self.refunds, refund_id, "refund")

    def dispute(self, dispute_id: str) -> Json:
        return _find(self.disputes, dispute_id, "dispute")


def _find(objects: dict[str, T], object_id: str, what: str) -> T:
    try:
        return objects[object_id]
    except KeyError:
        raise no_such(what, object_id) from None
