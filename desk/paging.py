"""Pages of a list by cursor, the last row shown: page 1,000 costs what page 1 does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

_M = TypeVar("_M", bound=Model)

PAGE = 50


@dataclass(frozen=True)
class Page(Generic[_M]):
    """The rows to show, and the query string of the next page, empty on the last."""

    rows: Sequence[_M]
    more: str


def page_of(rows: QuerySet[_M], query: QueryDict, *, size: int = PAGE) -> Page[_M]:
    """The page that the query's `after` asks for, newest rows (by id) first.

    An `after` that is no id shows the first page: links get cut in messages.
    """
    after = query.get("after", "")
    if after.isdecimal() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    found: list[Any] = list(rows.order_by("-pk")[: size + 1])
    if len(found) <= size:
        return Page(found, "")
    next_page = query.copy()
    next_page["after"] = str(found[size - 1].pk)
    return Page(found[:size], next_page.urlencode())
