"""Cursor pagination by the last row shown: page 1,000 costs the same as page 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

_M = TypeVar("_M", bound=Model)

PAGE = 50


@dataclass(frozen=True)
class ListPage(Generic[_M]):
    """The rows to show, and the query string of the next page, empty on the last."""

    rows: Sequence[_M]
    more: str


def page_of(rows: QuerySet[_M], query: QueryDict, *, size: int = PAGE) -> ListPage[_M]:
    """The page after the query's `after`, newest rows (by id) first.

    An invalid `after`, for example from a truncated link, shows the first page.
    """
    after = query.get("after", "")
    if after.isdecimal() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    return _cut(rows.order_by("-pk"), query, size, lambda row: str(row.pk))


def page_by_time(rows: QuerySet[_M], query: QueryDict, *, by: str, size: int = PAGE) -> ListPage[_M]:
    """As `page_of`, but sorted by a time, earliest first; needs an index on (the time, id)."""
    moment, _, pk = query.get("after", "").partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        at = None
    if at is not None and at.tzinfo and pk.isdecimal() and len(pk) < 19:
        rows = rows.filter(~Q(**{by: at}) | Q(pk__gt=int(pk)), **{f"{by}__gte": at})
    return _cut(rows.order_by(by, "pk"), query, size, lambda row: f"{getattr(row, by).isoformat()}~{row.pk}")


def _cut(rows: QuerySet[_M], query: QueryDict, size: int, cursor: Any) -> ListPage[_M]:
    found: list[Any] = list(rows[: size + 1])
    if len(found) <= size:
        return ListPage(found, "")
    next_page = query.copy()
    next_page["after"] = cursor(found[size - 1])
    return ListPage(found[:size], next_page.urlencode())
