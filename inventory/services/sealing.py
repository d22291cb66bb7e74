"""Seal days of the ledger. Rewriting a sealed day then requires rewriting every later seal."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from inventory.errors import DayNotOver
from inventory.ledger.merkle import Tree
from inventory.ledger.seals import Leaf, bounds
from inventory.models import Seal

_SEAL_LOCK = 0x6B657964_00000002  # "keyd", and the second of our locks
_FETCHED_AT_ONCE = 10_000


def seal_days(*, now: datetime, through: date | None = None) -> list[Seal]:
    """Seal every unsealed day up to and including `through`, by default the day before `now`.

    Each day is committed separately, so the next run continues after an interruption.

    Raises: DayNotOver: `through` is today or later.
    Locks:  the movement table, until earlier writers have finished: their rows may
            belong to a completed day and must be in its seal.
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


# The leaves are concatenated in the database: a day can have millions.
_INSERT = """
    INSERT INTO inventory_seal (day, movement_count, root, leaves)
    SELECT %s, %s, %s, coalesce(string_agg(
        int8send(unit_id) || int4send(sequence) || hash, ''::bytea ORDER BY unit_id, sequence), ''::bytea)
    FROM inventory_movement WHERE recorded_at >= %s AND recorded_at < %s
"""


def _seal(day: date) -> Seal:
    """Create the seal of a day without loading its leaves into memory.

    The tree and the leaves are read in turn. Nothing can be recorded on a completed day in
    between, and a check constraint compares the number of leaves with the count.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # If two transactions seal at once, the second finds the day sealed and is refused.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SEAL_LOCK])
            # Sealing millions of movements can exceed the timeout; the setting ends with the transaction.
            cursor.execute("SET LOCAL statement_timeout = 0")
        tree = _tree_of(day)
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [day, len(tree), tree.root(), *bounds(day)])
        seal = Seal.objects.defer("leaves").get(day=day)
    return seal


def _tree_of(day: date) -> Tree:
    tree = Tree()
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            "SELECT hash FROM inventory_movement WHERE recorded_at >= %s AND recorded_at < %s"
            " ORDER BY unit_id, sequence",
            bounds(day),
        )
        while rows := cursor.fetchmany(_FETCHED_AT_ONCE):
            for (digest,) in rows:
                tree.add(bytes(digest))
            tree.fold()
    return tree


def movements_of(day: date) -> list[Leaf]:
    """The movements recorded on a day, in sealing order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unit_id, sequence, hash FROM inventory_movement"
            " WHERE recorded_at >= %s AND recorded_at < %s ORDER BY unit_id, sequence",
            bounds(day),
        )
        return [Leaf(unit_id, sequence, bytes(digest)) for unit_id, sequence, digest in cursor.fetchall()]
