"""EasyPost webhooks: verify signatures and keep the few fields we use."""

import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

from fulfillment.models import Provider
from fulfillment.postage.gateways import parsing
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.webhooks import BadBody, VendorEvent, kept_text

WORK_WEBHOOKS = "shipping.work_webhooks"

# Allowed clock difference of a signed delivery, either way.
FRESH_FOR = timedelta(minutes=5)

_OBJECT_ID = re.compile(r"[a-z]+_[0-9A-Za-z]{1,36}", re.ASCII)


class EasyPostIntake:
    """EasyPost's intake for `fulfillment.webhooks.receive_webhook`.

    Version 1 of the signature: HMAC-SHA256 of the body under the NFKD form of the secret. It covers no
    time, so a replay is recognised only by the event's id. https://docs.easypost.com/guides/webhooks-guide

    Args: secrets: any of them may have signed, so that secrets can be rotated.
    """

    provider = Provider.EASYPOST
    job = WORK_WEBHOOKS

    def __init__(self, secrets: Sequence[str]) -> None:
        assert secrets, "webhooks are signed with something"
        self._keys = [unicodedata.normalize("NFKD", secret).encode() for secret in secrets]

    def verify(self, body: bytes, headers: Mapping[str, str]) -> bool:
        return self._is_signed(body, headers.get("X-Hmac-Signature", ""))

    def _is_signed(self, signed: bytes, given: str) -> bool:
        expected = [
            f"hmac-sha256-hex={hmac.new(key, signed, sha256).hexdigest()}".encode() for key in self._keys
        ]
        return any(hmac.compare_digest(given.encode(), one) for one in expected)

    def read(self, document: Mapping[str, Any]) -> VendorEvent:
        result = document.get("result")
        if not isinstance(result, dict):
            raise BadBody("result is missing")
        event_id = kept_text(document, "id", longest=80)
        if not _OBJECT_ID.fullmatch(event_id):
            raise BadBody("id is missing")
        body = _kept(result)
        return VendorEvent(
            event_id=event_id,
            kind=kept_text(document, "description", longest=80),
            mode=kept_text(document, "mode", longest=20),
            occurred_at=_time(document, "created_at"),
            subject=body.get("tracker") or body.get("shipment") or event_id,
            body=body,
        )


class EasyPostIntakeV2(EasyPostIntake):
    """The same with version 2 of the signature, which also covers time, method and path.

    Off until a real test webhook confirms it (go_live_check): the vendor documents the headers, but what is
    signed is known only from third-party code (docs/vendors.md § 1.6). A delivery that is too old or lacks a
    header is refused.

    Args: now: reads the clock, for the freshness of a delivery.
    """

    def __init__(self, secrets: Sequence[str], *, now: Callable[[], datetime]) -> None:
        super().__init__(secrets)
        self._now = now

    def verify(self, body: bytes, headers: Mapping[str, str]) -> bool:
        sent_at, path = headers.get("X-Timestamp", ""), headers.get("X-Path", "")
        if not sent_at or not path or abs(self._now() - _mail_time(sent_at)) > FRESH_FOR:
            return False
        signed = f"{sent_at}POST{path}".encode() + body
        return self._is_signed(signed, headers.get("X-Hmac-Signature-V2", ""))


def _mail_time(text: str) -> datetime:
    """Parse an RFC 5322 time. The vendor sends `-0000`, which means UTC."""
    moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def tracker_state(body: Mapping[str, Any], *, changed_at: datetime) -> TrackerState:
    """The tracker state in a stored body."""
    expected = parsing.read_time_or_none(body.get("expected_at"))
    return TrackerState(
        status=body["status"],
        detail=body["detail"],
        changed_at=changed_at,
        scanned_at=parsing.read_time_or_none(body.get("scanned_at")),
        expected_on=expected.date() if expected else None,
    )


def _kept(result: Mapping[str, Any]) -> dict[str, Any]:
    """The fields we store: ids, status and times, without signatures, places and free text."""
    if result.get("object") == "Tracker":
        return {
            "tracker": _id(result, "id"),
            "shipment": _id(result, "shipment_id"),
            "status": kept_text(result, "status")[:40],
            "detail": kept_text(result, "status_detail")[:60],
            "scanned_at": _last_scan(result),
            "expected_at": _time_text(result, "est_delivery_date"),
        }
    if result.get("object") == "Refund":
        return {"shipment": _id(result, "shipment_id"), "status": kept_text(result, "status")[:40]}
    if result.get("object") == "Claim":
        # Amounts are fetched from the vendor, never taken from a webhook.
        return {"claim": _id(result, "id")}
    return {"object": _id(result, "id")}


def _id(result: Mapping[str, Any], name: str) -> str:
    value = kept_text(result, name)
    if value and not _OBJECT_ID.fullmatch(value):
        raise BadBody(f"{name} is not an id")
    return value


def _last_scan(result: Mapping[str, Any]) -> str:
    details = result.get("tracking_details")
    if not isinstance(details, list) or not details or not isinstance(details[-1], dict):
        return ""
    return _time_text(details[-1], "datetime")


def _time_text(document: Mapping[str, Any], name: str) -> str:
    """Validate a time and format it again, so that nothing else is stored."""
    moment = parsing.read_time_or_none(document.get(name))
    return moment.isoformat() if moment else ""


def _time(document: Mapping[str, Any], name: str) -> datetime | None:
    if document.get(name) is None:
        return None
    moment = parsing.read_time_or_none(document[name])
    if moment is None:
        raise BadBody(f"{name} is not a time")
    return moment
