"""Reserving pairs, as a ratio of bare SQL doing the same row writes on the same server in the same run.

    python -m benchmarks.inventory_reserve [--units N] [--threads N] [--pairs N] [--receive N]

The baseline picks two units, inserts two movements and updates the two units in one transaction, by
psycopg, on copies of the tables with all their indexes and constraints but without triggers, hashes or
Python objects. Also printed: how the rate holds while stock drains, and receiving against a bare COPY.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
PICK = """
    SELECT id FROM bare_unit WHERE account = 'available' AND key_model_id = %s
    ORDER BY received_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
WRITE_MOVEMENTS = """
    INSERT INTO bare_movement (unit_id, sequence, from_account, to_account, reason, reference, actor,
                               moved_at, recorded_at, previous_hash, hash)
    SELECT id, 2, 'available', 'reserved', 'reserve', %s, 'system:bench', %s, now(), %s, %s
    FROM unnest(%s::bigint[]) AS id
"""
WRITE_UNITS = """
    UPDATE bare_unit
    SET account = 'reserved', held_for = %s, movement_count = 2, head_hash = %s, moved_at = %s
    WHERE id = ANY(%s)
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--units", type=int, default=8_000, help="units in stock, half of each key model")
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument(
        "--pairs", type=int, default=240, help="pairs reserved in each of six rounds, each way"
    )
    parser.add_argument("--receive", type=int, default=10_000, help="serials received for that ratio")
    options = parser.parse_args(arguments)
    with scratch_database():
        receiving(options.receive)
        reserving(units=options.units, threads=options.threads, pairs=options.pairs)


@contextmanager
def scratch_database() -> Iterator[None]:
    """A migrated database of its own, dropped afterwards."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection

    # As a deployment has it. A checkout's .env says true, and then Django writes down every query of ours,
    # and none of a baseline that goes past it.
    settings.DEBUG = False
    connection.settings_dict["TEST"]["NAME"] = "keydesk_bench_inventory"
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def receiving(quantity: int) -> None:
    from django.db import connection

    from inventory.default_key_models import ensure_catalogue
    from inventory.services.receiving import receive_stock

    ensure_catalogue(NOW)
    ratios = []
    for turn in range(3):
        serials = [f"BENCH-{turn}-{number:08d}" for number in range(quantity)]
        started = time.perf_counter()
        receive_stock(
            sku="KD-A-NFC", lot_reference=f"bench {turn}", serials=serials, actor="system:bench", now=NOW
        )
        ours = time.perf_counter() - started
        with connection.cursor() as cursor:
            _make_bare_tables(cursor)
            rows = {}
            for name in ("unit", "movement"):
                unit = "id" if name == "unit" else "unit_id"
                newest = f"SELECT * FROM inventory_{name} ORDER BY {unit} DESC LIMIT {quantity}"
                with cursor.copy(f"COPY ({newest}) TO STDOUT") as copy:
                    rows[name] = b"".join(bytes(part) for part in copy)
            started = time.perf_counter()
            for name in ("unit", "movement"):
                with cursor.copy(f"COPY bare_{name} FROM STDIN") as copy:
                    copy.write(rows[name])
            bare = time.perf_counter() - started
        ratios.append(ours / bare)
    print(
        f"receive {quantity:,} serials: {ours:.2f} s, bare COPY of the same rows {bare:.2f} s"
        f" -> {sorted(ratios)[1]:.1f} x (at most 5)"
    )


def reserving(*, units: int, threads: int, pairs: int) -> None:
    from django.db import connection, transaction

    from inventory.default_key_models import ensure_catalogue
    from inventory.models import KeyModel, Unit
    from inventory.rules import Wanted
    from inventory.services.receiving import receive_stock
    from inventory.services.reservations import reserve

    ensure_catalogue(NOW)
    for model in KeyModel.objects.all():
        # What the other measurement received would be picked first.
        for_sale = units // 2 - Unit.objects.available().filter(key_model=model).count()
        if for_sale > 0:
            receive_stock(
                sku=model.sku,
                lot_reference=f"bench {model.sku}",
                quantity=for_sale,
                actor="system:bench",
                now=NOW,
            )
    with connection.cursor() as cursor:
        _make_bare_tables(cursor)
        cursor.execute("INSERT INTO bare_unit SELECT * FROM inventory_unit")
        cursor.execute("ANALYZE")
    models = list(KeyModel.objects.order_by("pk").values_list("pk", flat=True))

    def any_pair(number: int) -> None:
        with transaction.atomic():
            reserve(holder=f"C-{number}", wanted=[Wanted(None, 2)], actor="system:bench", now=NOW)

    def named_pair(number: int) -> None:
        wanted = [Wanted(model, 1) for model in models]
        with transaction.atomic():
            reserve(holder=f"C-{number}", wanted=wanted, actor="system:bench", now=NOW)

    def bare_pair(number: int) -> None:
        raw, digest = connection.connection, bytes(32)
        with raw.transaction(), raw.cursor() as cursor:
            ids = [cursor.execute(PICK, [model]).fetchone()[0] for model in models]
            cursor.execute(WRITE_MOVEMENTS, [f"C-{number}", NOW, digest, digest, ids])
            cursor.execute(WRITE_UNITS, [f"C-{number}", digest, NOW, ids])

    # In turns, so that what else the machine does falls on all three alike.
    numbers, rounds = count(), 6
    each = min(pairs, units // 2 // rounds // 2)
    rates: dict[str, list[float]] = {"bare SQL": [], "named pair": [], "any pair": []}
    for _ in range(rounds):
        for label, work in (("bare SQL", bare_pair), ("named pair", named_pair), ("any pair", any_pair)):
            rates[label].append(_rate(work, numbers, pairs=each, threads=threads))
    for label, measured in rates.items():
        middle = sorted(measured)[len(measured) // 2]
        ratio = sorted(ours / bare for ours, bare in zip(measured, rates["bare SQL"], strict=True))
        print(
            f"{label}, {threads} threads, {units:,} units: {middle:,.0f} a second"
            f" -> {ratio[len(ratio) // 2]:.2f} of bare SQL (at least 0.7);"
            f" last round {measured[-1] / measured[0]:.2f} of the first"
        )


def _make_bare_tables(cursor: "object") -> None:
    for name in ("unit", "movement"):
        cursor.execute(f"DROP TABLE IF EXISTS bare_{name}")  # type: ignore[attr-defined]
        cursor.execute(f"CREATE TABLE bare_{name} (LIKE inventory_{name} INCLUDING ALL)")  # type: ignore[attr-defined]


def _rate(work: Callable[[int], None], numbers: Iterator[int], *, pairs: int, threads: int) -> float:
    """Pairs a second, all threads together, connections made before the clock starts."""
    from django.db import connection

    shares = [range(pairs * thread // threads, pairs * (thread + 1) // threads) for thread in range(threads)]
    ready = threading.Barrier(threads + 1)
    failures: list[BaseException] = []

    def run(share: range) -> None:
        try:
            connection.ensure_connection()
            ready.wait()
            for _ in share:
                work(next(numbers))
        except BaseException as failure:
            failures.append(failure)
            ready.abort()
        finally:
            connection.close()

    workers = [threading.Thread(target=run, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return pairs / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
