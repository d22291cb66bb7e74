"""EasyPost's formats of times and money."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from sandbox.easypost.errors import EasyPostError


def stamp(at: datetime) -> str:
    """`2025-03-07T16:46:20Z`, as on most objects."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def offset_stamp(at: datetime) -> str:
    """`2025-03-07T16:46:20+00:00`, as on addresses."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def milli_stamp(at: datetime) -> str:
    """`2025-03-07T16:46:20.123Z`, as on events."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def parse_time(text: str) -> datetime:
    """Read an ISO time; one without an offset is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def as_dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def fee_amount(cents: int) -> str:
    """Fees carry five decimals: `6.07000`."""
    return f"{as_dollars(cents)}000"


def as_cents(amount: object) -> int:
    """Read an amount in dollars. Raises EasyPostError if it is not a number."""
    try:
        return int((Decimal(str(amount)) * 100).to_integral_value())
    except (InvalidOperation, ValueError):
        raise EasyPostError(
            422, "PARAMETER.INVALID_TYPE", "Wrong parameter type.", [f"{amount!r} is not an amount"]
        ) from None


def number(value: object, field: str) -> float:
    """Read a number that may come as text. Raises EasyPostError, naming the field."""
    try:
        return float(value if isinstance(value, str | int | float) else "")
    except ValueError:
        problem = {"field": field, "message": "must be a number"}
        raise EasyPostError(422, "PARAMETER.INVALID_TYPE", "Wrong parameter type.", [problem]) from None


def is_true(value: object) -> bool:
    """Clients spell booleans `true`, `True`, `"1"`; a list of verifications also means yes."""
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "yes")
    return bool(value)


def as_text_field(value: object) -> str | None:
    return None if value is None else str(value)
