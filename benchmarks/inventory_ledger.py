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

    from inventory.catalogue import ensure_catalogue
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
    from inventory.services.receiving import receive_stock
    from inventory.services.sealing import seal_days

    # Three movements a unit, a quarter of a million units at a time.
    units = movements // 3
    for start in range(0, units, 250_000):
        receive_stock(
            sku="KD-A-NFC",
            lot_reference=f"verify {start}",
            serials=[f"VERIFY-{number:08d}" for number in range(start, min(units, start + 250_000))],
            actor="system:bench",
            now=NOW,
        )
        with connection.cursor() as cursor:
            for origin, to_account, reason in (
                ("available", "reserved", "reserve"),
                ("reserved", "packed", "pack"),
            ):
                cursor.execute(
                    "INSERT INTO inventory_movement"
                    " (unit_id, from_account, to_account, reason, reference, actor, moved_at)"
                    " SELECT id, %s, %s, %s, 'C-BENCH', 'system:bench', %s FROM inventory_unit"
                    " WHERE serial >= %s AND serial LIKE 'VERIFY-%%' AND account = %s",
                    [origin, to_account, reason, NOW, f"VERIFY-{start:08d}", origin],
                )
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
