"""10,000 webhooks in a burst, stored, as a ratio of bare inserts of the same rows; then worked, in order.

    python -m benchmarks.webhooks_burst [--events N] [--processes N] [--threads N]

Stored means what the door does for each: signature, strict reading, one row under the vendor's id, and the
job woken; threads that come at once share a statement. The baseline inserts the same rows by psycopg into a
copy of the table with all its indexes, each in its own transaction. Both in turns, by the same number of
processes and threads: those of one web machine (config/gunicorn.py), unless told.
"""

import argparse
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from benchmarks.inventory_reserve import NOW, scratch_database
from config import gunicorn

SECRET, ROUNDS = "bench", 5
INSERT = """
    INSERT INTO bare_webhook (provider, event_id, kind, mode, occurred_at, received_at, body, body_sha256)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=gunicorn.workers)
    parser.add_argument("--threads", type=int, default=gunicorn.threads)
    options = parser.parse_args(arguments)
    with scratch_database():
        measure(options.events, options.processes, options.threads)


def measure(events: int, processes: int, threads: int) -> None:
    from django.db import connection

    from fulfillment.tracking.services.carrier_events import work_carrier_webhooks

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_webhook (LIKE fulfillment_webhook INCLUDING ALL)")
    numbers = count()
    ratios = []
    with _processes(processes, threads) as rate:
        for _ in range(ROUNDS):
            bodies = [_body(next(numbers)) for _ in range(events // ROUNDS)]
            signed, rows = [(body, _signed(body)) for body in bodies], [_row(body) for body in bodies]
            ours, theirs = rate("door", signed), rate("bare", rows)
            ratios.append(ours / theirs)
            print(f"  {ours:,.0f} stored a second, {theirs:,.0f} inserted bare: {ratios[-1]:.2f}")
    middle = sorted(ratios)[len(ratios) // 2]
    print(
        f"{events:,} webhooks stored by {processes} processes of {threads} threads "
        f"-> {middle:.2f} of bare inserts (at least 0.7)"
    )
    started = time.perf_counter()
    worked = work_carrier_webhooks(gateway=_Vendor(), now=NOW)  # type: ignore[arg-type]
    print(f"{worked:,} worked in {time.perf_counter() - started:.1f} s by one worker")


class _Vendor:
    """Nothing has to be asked about parcels that are not ours."""

    mode = "test"


def _body(number: int) -> bytes:
    """An event about one of some hundred trackers, of the size that real ones have."""
    at = (NOW + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    scan = {
        "object": "TrackingDetail",
        "message": "Arrived at facility",
        "status": "in_transit",
        "datetime": at,
    }
    result = {
        "object": "Tracker",
        "id": f"trk_{number % 100:032x}",
        "shipment_id": f"shp_{number % 100:032x}",
        "status": "in_transit",
        "status_detail": "arrived_at_facility",
        "est_delivery_date": at,
        "tracking_details": [scan] * 8,
    }
    event = {"id": f"evt_{number:032x}", "description": "tracker.updated", "mode": "test", "created_at": at}
    return json.dumps({**event, "object": "Event", "result": result}).encode()


def _signed(body: bytes) -> dict[str, str]:
    """The headers it comes with; signing is the vendor's work, and done beforehand like the rows."""
    return {"X-Hmac-Signature": f"hmac-sha256-hex={hmac.new(SECRET.encode(), body, sha256).hexdigest()}"}


def _row(body: bytes) -> list[Any]:
    """The row that the door makes of it, made beforehand."""
    event = json.loads(body)
    kept = {"tracker": event["result"]["id"], "shipment": event["result"]["shipment_id"]}
    kept |= {"status": "in_transit", "detail": "arrived_at_facility", "scanned_at": event["created_at"]}
    kept |= {"expected_at": event["created_at"]}
    digest = sha256(body).hexdigest()
    at = event["created_at"]
    return ["easypost", event["id"], event["description"], "test", at, NOW, json.dumps(kept), digest]


Rate = Callable[[str, Sequence[Any]], float]


@contextmanager
def _processes(processes: int, threads: int) -> Iterator[Rate]:
    """What measures one kind of work, in items a second, done by all threads of all processes together.

    The clock starts when all have their connections and stops when the last is done.
    """
    from django.db import connection

    spawning = get_context("spawn")
    ready = spawning.Barrier(processes * threads + 1)
    lines = [spawning.Pipe() for _ in range(processes)]
    database = connection.settings_dict["NAME"]
    children = [
        spawning.Process(target=_serve, args=(theirs, database, threads, ready), daemon=True)
        for _, theirs in lines
    ]
    for child in children:
        child.start()

    def rate(kind: str, items: Sequence[Any]) -> float:
        for number, (line, _) in enumerate(lines):
            line.send((kind, items[number::processes]))
        ready.wait()
        started = time.perf_counter()
        for failures in [line.recv() for line, _ in lines]:
            assert not failures, failures
        return len(items) / (time.perf_counter() - started)

    try:
        yield rate
    finally:
        for line, _ in lines:
            line.send(None)
        for child in children:
            child.join()


def _serve(line: Connection, database: str, threads: int, ready: Barrier) -> None:
    """The life of one process: shares of the work until there is no more."""
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection

    from fulfillment.postage.gateways.events import EasyPostIntake
    from fulfillment.webhooks import receive_webhook

    settings.DEBUG = False
    connection.settings_dict["NAME"] = database
    intake = EasyPostIntake([SECRET])

    def door(delivery: tuple[bytes, dict[str, str]]) -> None:
        body, headers = delivery
        receive_webhook(intake, body=body, headers=headers, now=NOW)

    def bare(row: list[Any]) -> None:
        connection.connection.execute(INSERT, row)

    work: dict[str, Callable[[Any], None]] = {"door": door, "bare": bare}
    while (share := line.recv()) is not None:
        kind, items = share
        line.send(_by_threads(work[kind], items, threads, ready))


def _by_threads(work: Callable[[Any], None], items: Sequence[Any], threads: int, ready: Barrier) -> list[str]:
    """Do this with all of them; what went wrong, in words."""
    from django.db import connection

    failures: list[str] = []

    def run(share: Sequence[Any]) -> None:
        try:
            connection.ensure_connection()
            ready.wait()
            for item in share:
                work(item)
        except Exception as failure:
            failures.append(repr(failure))
            ready.abort()
        finally:
            connection.close()

    workers = [threading.Thread(target=run, args=(items[part::threads],)) for part in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return failures


if __name__ == "__main__":
    main()
