"""Cached counts: above 50,000 units each count is reused for up to a minute."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from django.db import connection

_T = TypeVar("_T")
# Below this number of keys, counts are not cached.
MANY = 50_000
# A count is reused for 120 times as long as it took, so counting takes at most 1% of the time.
SHOWN_FOR = 120
LONGEST_S = 60


def cached(name: str, count: Callable[[], _T]) -> _T:
    """The cached count of this name, or a new one. For display only: decisions read the ledger."""
    key = f"desk:counted:{name}"
    kept = cache.get(key)
    if kept is not None:
        return kept[0]  # type: ignore[no-any-return]  # returned by `count` earlier
    began = time.monotonic()
    found = count()
    took = time.monotonic() - began
    if _keys() >= MANY:
        cache.set(key, (found,), timeout=min(took * SHOWN_FOR, LONGEST_S))
    return found


def _keys() -> float:
    """The approximate number of keys, from the planner's statistics."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'inventory_unit'::regclass")
        (about,) = cursor.fetchone()
    return float(about)
