"""Stripe's webhooks: verification of their signature, and the ids that are stored."""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from fulfillment.models import Provider
from fulfillment.payments.gateways.parsing import is_stripe_id
from fulfillment.webhooks import BadBody, VendorEvent, kept_text

WORK_WEBHOOKS = "payments.work_webhooks"

# Tolerance of a signature's time in both directions. Stripe's own library accepts any time in the future.
TOLERANCE = timedelta(minutes=5)
_CODE = re.compile(r"P-[0-9A-Z]{12}", re.ASCII)


class StripeIntake:
    """Stripe's part of `fulfillment.webhooks.receive_webhook`.

    The header is `t=<unix>,v1=<hex>[,v1=<hex>…]`: HMAC-SHA256 of `<t>.<body>` with the whole secret, once
    for each secret in use at Stripe. https://docs.stripe.com/webhooks/signature

    Args: secrets: accepted secrets; several allow a rotation without downtime.
          now: when the event arrived; old signatures are rejected as replays.
    """

    provider = Provider.STRIPE
    job = WORK_WEBHOOKS

    def __init__(self, secrets: Sequence[str], *, now: datetime) -> None:
        self._keys = [secret.encode() for secret in secrets]
        self._now = now

    def verify(self, body: bytes, headers: Mapping[str, str]) -> bool:
        parts = [part.partition("=") for part in headers.get("Stripe-Signature", "").split(",")]
        times = [value for name, _, value in parts if name.strip() == "t"]
        given = [value.strip().encode() for name, _, value in parts if name.strip() == "v1"]
        if len(times) != 1 or not times[0].isascii() or not times[0].isdigit():
            return False
        if abs(self._now - datetime.fromtimestamp(int(times[0]), UTC)) > TOLERANCE:
            return False
        signed = times[0].encode() + b"." + body
        expected = [hmac.new(key, signed, sha256).hexdigest().encode() for key in self._keys]
        return any(hmac.compare_digest(one, other) for one in given for other in expected)

    def read(self, document: Mapping[str, Any]) -> VendorEvent:
        if document.get("object") != "event":
            raise BadBody("not an event of the expected API version")
        event_id = kept_text(document, "id", longest=80)
        if not is_stripe_id(event_id, "evt"):
            raise BadBody("id is missing")
        data = document.get("data")
        subject = data.get("object") if isinstance(data, dict) else None
        if not isinstance(subject, dict):
            raise BadBody("data.object is missing")
        is_live = document.get("livemode")
        if not isinstance(is_live, bool):
            raise BadBody("livemode is missing")
        body = _kept(subject)
        return VendorEvent(
            event_id=event_id,
            kind=kept_text(document, "type", longest=80),
            mode="live" if is_live else "test",
            occurred_at=_time(document.get("created")),
            subject=body.get("session") or body.get("payment_intent") or event_id,
            body=body,
        )


_CLASSES = {
    "checkout.session": ("session", ("cs",)),
    "charge": ("charge", ("ch", "py")),
    "refund": ("refund", ("re", "pyr")),
    "dispute": ("dispute", ("du", "dp")),
}


def _kept(subject: Mapping[str, Any]) -> dict[str, str]:
    """Keep only ids and our payment code; drop everything else, above all data of the payer.

    The payment status is dropped too: it is always retrieved from Stripe.
    """
    kept: dict[str, str] = {}
    name, prefixes = _CLASSES.get(str(subject.get("object")), ("", ()))
    if name:
        kept[name] = _id(subject.get("id"), *prefixes)
    intent = subject.get("payment_intent")
    intent = intent.get("id") if isinstance(intent, dict) else intent
    if intent is not None:
        kept["payment_intent"] = _id(intent, "pi")
    metadata = subject.get("metadata")
    code = metadata.get("payment") if isinstance(metadata, dict) else None
    if isinstance(code, str) and _CODE.fullmatch(code):
        kept["payment"] = code
    return kept


def _id(value: object, *prefixes: str) -> str:
    if not is_stripe_id(value, *prefixes):
        raise BadBody(f"not an id with the prefix {prefixes[0]}")
    return str(value)


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        if type(value) is int:
            return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        pass
    raise BadBody("created is not a time")
