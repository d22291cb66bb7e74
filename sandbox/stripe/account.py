"""The account of one mode (test or live), a request, and the type of a handler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sandbox.stripe.errors import no_such
from sandbox.stripe.settings import StripeSettings
from sandbox.stripe.store import CheckoutSession, Endpoint, StoredAnswer
from sandbox.stripe.webhook_delivery import StripeWebhookSender
from sandbox.stripe.world import StripeWorld
from sandbox.vendor_json import Json

T = TypeVar("T")


@dataclass(slots=True)
class StripeAccount:
    mode: str
    world: StripeWorld
    webhook_sender: StripeWebhookSender
    endpoints: dict[str, Endpoint]
    tally: Counter[str]
    sessions: dict[str, CheckoutSession] = field(default_factory=dict)
    intents: dict[str, Json] = field(default_factory=dict)
    charges: dict[str, Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    disputes: dict[str, Json] = field(default_factory=dict)
    entries: dict[str, Json] = field(default_factory=dict)
    events: dict[str, Json] = field(default_factory=dict)
    kept: dict[str, StoredAnswer] = field(default_factory=dict)

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


@dataclass(slots=True)
class StripeCall:
    """One request: ids from the path, parameters from the form or the query."""

    origin: str
    ids: Mapping[str, str]
    params: Json = field(default_factory=dict)


Handler = Callable[[StripeAccount, StripeCall], Json]
