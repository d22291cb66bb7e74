"""Checking the ledger against a bare hashing loop, and the rate of reserving while stock drains.

    python -m benchmarks.inventory_ledger [--movements N] [--units N] [--threads N]

The bare loop reads the texts of the same movements with a server-side cursor, in no order, and takes the
SHA-256 of each. `verify` reads them in order, checks each hash, link and head, and adds up the seals.
"""

import argparse
import hashlib
import resource
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from benchmarks.inventory_reserve import NOW, _rate, scratch_database


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--movements", type=int, default=150_000, help="movements that are checked; 3000000 for all"
    )
    parser.add_argument("--units", type=int, default=4_000, help="units that are drained")
    parser.add_argument("--threads", type=int, default=16)
    options = parser.parse_args(arguments)
    with scratch_database():
        draining(units=options.units, threads=options.threads)
        verifying(options.movements)


def draining(*, units: int, threads: int) -> None:
    from django.db import connection, transaction

    from inventory.default_key_models import ensure_catalogue
    from inventory.models import Unit
    from inventory.rules import Wanted
    from inventory.services.receiving import receive_stock
    from inventory.services.reservations import reserve

    for model in ensure_catalogue(NOW):
        receive_stock(
            sku=model.sku,
            lot_reference=f"drain {model.sku}",
            quantity=units // 2,
            actor="system:bench",
            now=NOW,
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    def pair(number: int) -> None:
        with transaction.atomic():
            reserve(holder=f"C-{number}", wanted=[Wanted(None, 2)], actor="system:bench", now=NOW)

    numbers = count()
    rates = [_rate(pair, numbers, pairs=500, threads=threads) for _ in range(units // 1000)]
    left = Unit.objects.available().count()
    print(
        f"draining {units:,} units by a thousand, {threads} threads: {rates[0]:,.0f} pairs a second at first,"
        f" {rates[-1]:,.0f} at last -> {rates[-1] / rates[0]:.2f} of the first thousand's (at least 0.7);"
        f" {left} left"
    )


def verifying(movements: int) -> None:
    from django.db import connection, transaction

    from inventory.invariants import chains_and_seals_hold
    from inventory.services.sealing import seal_days

    _fill(movements // 3)
    started = time.perf_counter()
    seal_days(now=datetime.now(UTC) + timedelta(days=1))
    sealing = time.perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    ratios = []
    checked = 0
    for _ in range(3):
        bare_rate = _bare_loop()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        with transaction.atomic():
            checked, violations = chains_and_seals_hold()
        ours = checked / (time.perf_counter() - started)
        assert not violations, violations
        ratios.append((ours / bare_rate, ours, bare_rate))
    ratio, ours, bare_rate = sorted(ratios)[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"verify of {checked:,} movements: {ours:,.0f} a second, a bare hashing loop {bare_rate:,.0f}"
        f" -> {ratio:.2f} (at least 0.5); peak {peak / 1024:,.0f} MiB (at most 500),"
        f" {max(0, peak - before) / 1024:,.0f} more than before; sealing took {sealing:.1f} s"
    )


# What the triggers of the ledger do for each row, done for all at once: they would take an hour. One step a
# movement: the hash of each follows the one before.
_STEPS = (
    ("supplier", "available", "receive"),
    ("available", "reserved", "reserve"),
    ("reserved", "packed", "pack"),
)
_HASH = """
    sha256(convert_to(concat_ws(E'\\n', 'keydesk movement 1', serial, %(sku)s, {sequence}, '{origin}', '{to}',
        '{reason}', 'C-BENCH', 'system:bench', (extract(epoch FROM %(now)s::timestamptz) * 1000000)::bigint,
        (extract(epoch FROM at) * 1000000)::bigint, encode({previous}, 'hex')), 'UTF8'))
"""
_CHAINS = """
    CREATE TEMPORARY TABLE chain ON COMMIT DROP AS
    SELECT id, serial, at, hash_1, hash_2, {third} AS hash_3 FROM (
        SELECT *, {second} AS hash_2 FROM (
            SELECT *, {first} AS hash_1 FROM (
                SELECT nextval(pg_get_serial_sequence('inventory_unit', 'id')) AS id,
                       'VERIFY-' || lpad(number::text, 8, '0') AS serial, now() AS at
                FROM generate_series(1, %(units)s) AS number OFFSET 0
            ) AS numbered OFFSET 0
        ) AS once OFFSET 0
    ) AS twice
"""
_UNITS = """
    INSERT INTO inventory_unit (id, serial, key_model_id, lot_id, received_at, account, held_for,
                                movement_count, head_hash, moved_at)
    SELECT id, serial, %(model)s, %(lot)s, %(now)s, 'packed', 'C-BENCH', 3, hash_3, %(now)s FROM chain
"""
_MOVEMENTS = """
    INSERT INTO inventory_movement (unit_id, sequence, from_account, to_account, reason, reference, actor,
                                    moved_at, recorded_at, previous_hash, hash)
    SELECT id, {sequence}, '{origin}', '{to}', '{reason}', 'C-BENCH', 'system:bench', %(now)s, at, {previous},
           hash_{sequence}
    FROM chain
"""


def _fill(units: int) -> None:
    """So many units with three movements each, written in the database, for the process must stay small."""
    from django.db import connection, transaction

    from inventory.default_key_models import ensure_catalogue
    from inventory.models import Lot

    model, _ = ensure_catalogue(NOW)
    lot = Lot.objects.create(
        reference="C-BENCH", key_model=model, received_at=NOW, received_by="system:bench"
    )
    given: dict[str, Any] = {
        "model": model.pk,
        "sku": model.sku,
        "lot": lot.pk,
        "now": NOW,
        "units": units,
    }
    steps = [
        {
            "sequence": place,
            "origin": origin,
            "to": to,
            "reason": reason,
            "previous": f"hash_{place - 1}" if place > 1 else "''::bytea",
        }
        for place, (origin, to, reason) in enumerate(_STEPS, start=1)
    ]
    first, second, third = (_HASH.format(**step) for step in steps)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(_CHAINS.format(first=first, second=second, third=third), given)
        cursor.execute(_UNITS, given)
        for step in steps:
            cursor.execute(_MOVEMENTS.format(**step), given)


def _bare_loop() -> float:
    from django.db import connection, transaction

    hashed = 0
    started = time.perf_counter()
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws(E'\\n', 'keydesk movement 1', unit.serial, key_model.sku, movement.sequence,"
            " movement.from_account, movement.to_account, movement.reason, movement.reference,"
            " movement.actor,"
            " (extract(epoch FROM movement.moved_at) * 1000000)::bigint,"
            " (extract(epoch FROM movement.recorded_at) * 1000000)::bigint,"
            " encode(movement.previous_hash, 'hex')) FROM inventory_movement AS movement"
            " JOIN inventory_unit AS unit ON unit.id = movement.unit_id"
            " JOIN inventory_keymodel AS key_model ON key_model.id = unit.key_model_id"
        )
        while rows := cursor.fetchmany(5_000):
            for (text,) in rows:
                hashlib.sha256(text.encode()).digest()
            hashed += len(rows)
    return hashed / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
