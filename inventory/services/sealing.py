"""Seal days of the ledger: from then on, whoever rewrites one of them must rewrite every later seal too."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from inventory.errors import DayNotOver
from inventory.merkle import root_of
from inventory.models import Seal
from inventory.seals import Leaf, bounds, pack

_SEAL_LOCK = 0x6B657964_00000002  # "keyd", and the second of our locks


def seal_days(*, now: datetime, through: date | None = None) -> list[Seal]:
    """Seal every day that has no seal yet, through a day; by default the one before `now`'s.

    Each day commits by itself: an interruption leaves fewer seals, and the next run goes on.

    Raises: DayNotOver: `through` is today or later.
    Locks:  the movement table, for as long as the oldest transaction that writes to it takes: its rows may
            carry a moment of a day that is over, and must be in that day's seal.
    """
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    last = yesterday if through is None else through
    if last > yesterday:
        raise DayNotOver(last)
    _wait_for_writers()
    return [_seal(day) for day in _days_without_seal(last)]


def _wait_for_writers() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE inventory_movement IN SHARE MODE")


def _days_without_seal(last: date) -> Iterator[date]:
    newest = Seal.objects.order_by("-day").values_list("day", flat=True).first()
    day = newest + timedelta(days=1) if newest else _first_day()
    while day is not None and day <= last:
        yield day
        day += timedelta(days=1)


def _first_day() -> date | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (min(recorded_at) AT TIME ZONE 'UTC')::date FROM inventory_movement")
        first: date | None = cursor.fetchone()[0]
    return first


def _seal(day: date) -> Seal:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two at once would both want to be the next; the second finds the day taken and is refused.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEAL_LOCK])
        leaves = movements_of(day)
        seal = Seal.objects.create(
            day=day,
            movement_count=len(leaves),
            root=root_of([leaf.hash for leaf in leaves]),
            leaves=pack(leaves),
        )
        seal.refresh_from_db(fields=["previous", "hash", "sealed_at"])
    return seal


def movements_of(day: date) -> list[Leaf]:
    """The movements recorded on a day, in the order they are sealed in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unit_id, sequence, hash FROM inventory_movement"
            " WHERE recorded_at >= %s AND recorded_at < %s ORDER BY unit_id, sequence",
            bounds(day),
        )
        return [Leaf(unit_id, sequence, bytes(digest)) for unit_id, sequence, digest in cursor.fetchall()]
