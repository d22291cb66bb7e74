"""EasyPost's events as it would send them, signed by the test itself."""

import hmac
import json
import unicodedata
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.test import Client

from common import clock
from fulfillment.models import Webhook
from fulfillment.shipments.models import LabelPurchase

SECRET = "tests-new"
# What an event carries besides what we use; none of it may be stored.
PRIVATE = ("John Tester", "HOUSTON", "77063", "Left at the blue door")


def tracker_event(
    purchase: LabelPurchase, status: str, *, at: datetime, detail: str = "status_update", **changed: Any
) -> dict[str, Any]:
    """A `tracker.updated` about a purchase's parcel; `changed` replaces fields of the event."""
    scan = {
        "object": "TrackingDetail",
        "message": "Left at the blue door",
        "status": status,
        "datetime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tracking_location": {"city": "HOUSTON", "state": "TX", "country": "US", "zip": "77063"},
    }
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "Event",
        "description": "tracker.updated",
        "mode": "test",
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "previous_attributes": {"status": "unknown"},
        "pending_urls": [],
        "completed_urls": [],
        "result": {
            "id": purchase.tracker_id or f"trk_{'0' * 32}",
            "object": "Tracker",
            "mode": "test",
            "tracking_code": purchase.tracking_code,
            "status": status,
            "status_detail": detail,
            "signed_by": "John Tester",
            "created_at": "2022-07-11T12:00:00Z",
            "updated_at": "2022-07-11T12:00:00Z",
            "est_delivery_date": "2022-07-15T00:00:00Z",
            "shipment_id": purchase.vendor_shipment_id,
            "carrier": purchase.carrier,
            "tracking_details": [scan],
        },
        **changed,
    }


def signature(body: bytes, secret: str = SECRET) -> str:
    key = unicodedata.normalize("NFKD", secret).encode()
    return f"hmac-sha256-hex={hmac.new(key, body, sha256).hexdigest()}"


def post(event: dict[str, Any] | bytes, *, signed: str | None = None, client: Client | None = None) -> Any:
    """Deliver an event to the view, as the vendor does; returns the answer."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return (client or Client()).post(
        "/easypost",
        body,
        content_type="application/json",
        headers={"X-Hmac-Signature": signature(body) if signed is None else signed},
    )


def stored(event: dict[str, Any]) -> Webhook:
    """Deliver an event the moment it is made, and return its row."""
    made_at = datetime.fromisoformat(event["created_at"])
    with clock.reading(lambda: made_at):
        assert post(event).status_code == 204
    return Webhook.objects.get(event_id=event["id"])
