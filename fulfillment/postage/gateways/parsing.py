"""Parse EasyPost's answers into our values; unused fields are dropped.

Money comes as text, times in three formats, and fields come and go: optional fields are parsed leniently,
required ones strictly. A KeyError, TypeError or ValueError means an unreadable answer.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from fulfillment.shipments.carrier_values import (
    BoughtLabel,
    CreatedShipment,
    Rate,
    ShipmentStatus,
    TrackerState,
)

Json = Mapping[str, Any]

_ID = re.compile(r"[a-z]+_[0-9a-f]{32}", re.ASCII)
_OUR_REFERENCE = re.compile(r"kd:[a-z]+:[0-9a-f-]{36}", re.ASCII)
_G_PER_OZ = Decimal("28.349523125")
_MM_PER_INCH = Decimal("25.4")
_TENTH = Decimal("0.1")


def ounces(weight_g: int) -> float:
    """Grams as ounces with one decimal, rounded up: a declared weight must not be below the real one."""
    return float((Decimal(weight_g) / _G_PER_OZ).quantize(_TENTH, ROUND_CEILING))


def ounces_at_most(weight_g: int) -> float:
    """Grams as ounces, rounded down to 0.01: customs lines together must not weigh more than the parcel."""
    return float((Decimal(weight_g) / _G_PER_OZ).quantize(Decimal("0.01"), "ROUND_FLOOR"))


def inches(length_mm: int) -> float:
    return float((Decimal(length_mm) / _MM_PER_INCH).quantize(_TENTH, ROUND_CEILING))


def cents_of_dollars(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"


def is_easypost_id(value: object, prefix: str) -> bool:
    """Whether this is an id of that class. The client puts ids into URLs unescaped."""
    return isinstance(value, str) and bool(_ID.fullmatch(value)) and value.startswith(f"{prefix}_")


def read_id(value: object, prefix: str) -> str:
    if not is_easypost_id(value, prefix):
        raise ValueError(f"no {prefix} id")
    return str(value)


def read_cents(amount: object) -> int:
    """Parse money as cents, from text (`"6.07000"`) or a number."""
    try:
        cents = Decimal(str(amount)) * 100
    except InvalidOperation:
        raise ValueError("no amount") from None
    if not cents.is_finite() or cents < 0:
        raise ValueError("no amount")
    return int(cents.to_integral_value(ROUND_HALF_UP))


def read_time(value: object) -> datetime:
    """Parse a time; UTC where no offset is given."""
    if not isinstance(value, str):
        raise TypeError("no time")
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_time_or_none(value: object) -> datetime | None:
    try:
        return read_time(value)
    except (TypeError, ValueError, OverflowError):
        return None


def read_rate(body: Json) -> Rate:
    days = body.get("delivery_days")
    return Rate(
        id=read_id(body["id"], "rate"),
        carrier=str(body["carrier"]),
        service=str(body["service"]),
        amount_cents=read_cents(body["rate"]),
        currency=str(body["currency"]),
        delivery_days=int(days) if days is not None else None,
        carrier_account=str(body.get("carrier_account_id") or "")[:40],
    )


def read_created(body: Json) -> CreatedShipment:
    refusals = sorted({str(message.get("carrier")) for message in body.get("messages") or []})
    return CreatedShipment(
        id=read_id(body["id"], "shp"),
        rates=tuple(read_rate(rate) for rate in body.get("rates") or []),
        refusals=tuple(refusals),
    )


def read_label(body: Json) -> BoughtLabel | None:
    """The label of a shipment; None until it has both a label and a tracking code."""
    label, rate = body.get("postage_label"), body.get("selected_rate")
    if not label or not rate or not body.get("tracking_code"):
        return None
    chosen = read_rate(rate)
    return BoughtLabel(
        shipment_id=read_id(body["id"], "shp"),
        label_id=read_id(label["id"], "pl"),
        label_url=str(label.get("label_url") or ""),
        tracking_code=str(body["tracking_code"]),
        tracker_id=str((body.get("tracker") or {}).get("id") or ""),
        rate_id=chosen.id,
        carrier=chosen.carrier,
        service=chosen.service,
        rate_cents=chosen.amount_cents,
        cost_cents=_cost_cents(body.get("fees") or [], chosen.amount_cents),
        currency=chosen.currency,
        premium_cents=sum(
            read_cents(fee["amount"])
            for fee in body.get("fees") or []
            if fee["type"] == "InsuranceFee" and fee.get("charged", True)
        ),
        carrier_account=chosen.carrier_account,
    )


def parse_shipment_status(body: Json) -> ShipmentStatus:
    reference = str(body.get("reference") or "")
    return ShipmentStatus(
        id=read_id(body["id"], "shp"),
        label=read_label(body),
        refund=body.get("refund_status"),
        reference=reference if _OUR_REFERENCE.fullmatch(reference) else "",
    )


def _cost_cents(fees: Sequence[Json], rate_cents: int) -> int:
    """Sum of all fees; postage billed directly by the carrier has no PostageFee and is added."""
    charged = [fee for fee in fees if fee.get("charged", True)]
    total = sum(read_cents(fee["amount"]) for fee in charged)
    return total if any(fee["type"] == "PostageFee" for fee in charged) else total + rate_cents


def read_tracker(body: Json) -> TrackerState:
    """Parse a tracker, without places, names and codes."""
    details = body.get("tracking_details") or []
    expected = read_time_or_none(body.get("est_delivery_date"))
    return TrackerState(
        status=str(body["status"])[:40],
        detail=str(body.get("status_detail") or "")[:60],
        changed_at=read_time(body["updated_at"]),
        scanned_at=read_time_or_none(details[-1].get("datetime")) if details else None,
        expected_on=_date(expected),
    )


def _date(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
