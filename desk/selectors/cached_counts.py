"""Counts over all keys, which take the longer the more keys there are: of many, each is shown for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from django.db import connection

_T = TypeVar("_T")
# Fewer keys than this are counted each time.
MANY = 50_000
# What took a tenth of a second is shown for twelve: counting never takes more than a hundredth of the time.
SHOWN_FOR = 120
LONGEST_S = 60


def cached(name: str, count: Callable[[], _T]) -> _T:
    """What was counted under this name a moment ago, or now. Only for reading: decisions ask the ledger."""
    key = f"desk:counted:{name}"
    kept = cache.get(key)
    if kept is not None:
        return kept[0]  # type: ignore[no-any-return]  # what `count` gave before
    began = time.monotonic()
    found = count()
    took = time.monotonic() - began
    if _keys() >= MANY:
        cache.set(key, (found,), timeout=min(took * SHOWN_FOR, LONGEST_S))
    return found


def _keys() -> float:
    """About how many keys there are, as the planner knows it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'inventory_unit'::regclass")
        (about,) = cursor.fetchone()
    return float(about)
