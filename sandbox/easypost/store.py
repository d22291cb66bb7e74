"""Objects of one mode's account: EasyPost's JSON objects, and data the API never shows.

Objects are kept as the dictionaries that are sent, so that answering is one `json.dumps`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.clock import Due
from sandbox.vendor_json import Json


@dataclass(slots=True)
class StoredShipment:
    """A shipment and its internal data.

    recipient: decides the parcel's journey; taken before the purchase rewrites the address.
    """

    body: Json
    recipient: str
    rated_at: datetime
    is_purchasing: bool = False
    cost_cents: int = 0
    is_refunded: bool = False

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def is_bought(self) -> bool:
        return self.body["postage_label"] is not None

    @property
    def is_international(self) -> bool:
        return bool(self.body["from_address"]["country"] != self.body["to_address"]["country"])


@dataclass(slots=True)
class Tracker:
    """A tracker and the remaining steps of its parcel."""

    body: Json
    steps: list[Due] = field(default_factory=list)
    announcement: Due | None = None

    @property
    def id(self) -> str:
        return str(self.body["id"])

    def halt(self, *, after: datetime | None = None) -> None:
        """Nothing further (or nothing later than `after`) happens by itself."""
        for due in self.steps:
            if after is None or due.at > after:
                due.cancel()


@dataclass(slots=True)
class StoredEvent:
    """An event. `body` is the text that goes to every webhook, fixed when the event was made."""

    id: str
    description: str
    status: str
    key: str
    created_at: datetime
    head: Json
    body: bytes
    pending_urls: list[str]
    completed_urls: list[str] = field(default_factory=list)


@dataclass(slots=True)
class WebhookEndpoint:
    """A webhook endpoint. The secret is never returned."""

    body: Json
    secret: str | None
    last_success_at: datetime | None = None

    @property
    def is_enabled(self) -> bool:
        return self.body["disabled_at"] is None


@dataclass(slots=True)
class ObjectStore:
    """All objects of one mode, by id and in the order they were made."""

    addresses: dict[str, Json] = field(default_factory=dict)
    parcels: dict[str, Json] = field(default_factory=dict)
    customs_items: dict[str, Json] = field(default_factory=dict)
    customs_infos: dict[str, Json] = field(default_factory=dict)
    shipments: dict[str, StoredShipment] = field(default_factory=dict)
    by_reference: dict[str, list[str]] = field(default_factory=dict)
    trackers: dict[str, Tracker] = field(default_factory=dict)
    by_tracking_code: dict[tuple[str, str], str] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    claims: dict[str, Json] = field(default_factory=dict)
    events: dict[str, StoredEvent] = field(default_factory=dict)
    payloads: dict[str, list[Json]] = field(default_factory=dict)
    webhooks: dict[str, WebhookEndpoint] = field(default_factory=dict)
    label_files: dict[str, str] = field(default_factory=dict)
    scan_forms: dict[str, Json] = field(default_factory=dict)
    form_files: dict[str, str] = field(default_factory=dict)
    labels_bought: int = 0
    labels_refunded: int = 0
    spent_cents: int = 0
    refunded_cents: int = 0
    compensated_cents: int = 0
    tally: Counter[str] = field(default_factory=Counter)
