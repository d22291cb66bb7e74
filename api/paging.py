"""Lists in pages: an opaque cursor that says where the last one ended."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from ninja import Query

from common.errors import BadRequest, FieldError

LARGEST = 200
DEFAULT = 50
Limit = Annotated[int, Query(DEFAULT, ge=1, le=LARGEST, description=f"At most {LARGEST}.")]
Cursor = Annotated[str | None, Query(None, max_length=400, description="The `next` of the page before.")]
Row = TypeVar("Row")


def encode_cursor(*place: str) -> str:
    """Opaque by intent: callers hand it back and read nothing into it."""
    return urlsafe_b64encode(json.dumps(place, ensure_ascii=True).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, parts: int) -> list[str]:
    """Raises: BadRequest: not a cursor that a list of this kind gave out."""
    try:
        place = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        place = None
    if not isinstance(place, list) or len(place) != parts or not all(_usable(part) for part in place):
        raise _bad_cursor()
    return place


def decode_time(text: str) -> datetime:
    """The time in a cursor. Raises: BadRequest."""
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
    """Split what was read (one more than the limit) into a page and the next one's cursor."""
    shown = rows[:limit]
    return shown, encode_cursor(*cursor_of(shown[-1])) if len(rows) > limit else None


def _usable(part: Any) -> bool:
    return isinstance(part, str) and part.isascii() and part.isprintable()


def _bad_cursor() -> BadRequest:
    return BadRequest([FieldError("cursor", "bad_cursor", "Take the cursor from the page before.")])
