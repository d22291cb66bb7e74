"""Cursor pagination: an opaque cursor encodes where the previous page ended."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from ninja import Query

from common.errors import BadRequest, FieldError

LARGEST = 200
DEFAULT = 50
Limit = Annotated[int, Query(DEFAULT, ge=1, le=LARGEST, description=f"Page size, at most {LARGEST}.")]
Cursor = Annotated[str | None, Query(None, max_length=400, description="The `next` of the previous page.")]
Row = TypeVar("Row")


def encode_cursor(*place: str) -> str:
    """Encode a position. The result is opaque to callers."""
    return urlsafe_b64encode(json.dumps(place, ensure_ascii=True).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, parts: int) -> list[str]:
    """Decode a position. Raises: BadRequest: not a cursor of this kind of list."""
    try:
        place = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        place = None
    if not isinstance(place, list) or len(place) != parts or not all(_usable(part) for part in place):
        raise _bad_cursor()
    return place


def decode_time(text: str) -> datetime:
    """Decode the time in a cursor. Raises: BadRequest."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad_cursor() from None
    if moment.tzinfo is None:
        raise _bad_cursor()
    return moment


def paginate(
    rows: Sequence[Row], *, limit: int, cursor_of: Callable[[Row], Sequence[str]]
) -> tuple[Sequence[Row], str | None]:
    """Split rows (read up to one more than the limit) into a page and the cursor of the next."""
    shown = rows[:limit]
    return shown, encode_cursor(*cursor_of(shown[-1])) if len(rows) > limit else None


def _usable(part: object) -> bool:
    return isinstance(part, str) and part.isascii() and part.isprintable()


def _bad_cursor() -> BadRequest:
    return BadRequest([FieldError("cursor", "bad_cursor", "Use the `next` of the previous page as cursor.")])
