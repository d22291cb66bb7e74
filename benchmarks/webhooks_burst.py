"""10,000 webhooks in a burst, stored, as a ratio of bare inserts of the same rows; then worked, in order.

    python -m benchmarks.webhooks_burst [--events N] [--threads N]

Stored means what the door does for each: signature, strict reading, one row under the vendor's id, and the
job woken; threads that come at once share a statement. The baseline inserts the same rows by psycopg into a
copy of the table with all its indexes, each in its own transaction. Both in turns.
"""

import argparse
import hmac
import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import count
from typing import Any

from benchmarks.inventory_reserve import NOW, scratch_database

SECRET, ROUNDS = "bench", 5
INSERT = """
    INSERT INTO bare_webhook (provider, event_id, kind, mode, occurred_at, received_at, body, body_sha256)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args(arguments)
    with scratch_database():
        measure(options.events, options.threads)


def measure(events: int, threads: int) -> None:
    from django.db import connection

    from fulfillment.shipping.gateways.events import EasyPostIntake
    from fulfillment.shipping.services.tracking import work_webhooks
    from fulfillment.webhooks import receive

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_webhook (LIKE fulfillment_webhook INCLUDING ALL)")
    intake = EasyPostIntake([SECRET])
    numbers = count()

    def door(delivery: tuple[bytes, dict[str, str]]) -> None:
        body, headers = delivery
        receive(intake, body=body, headers=headers, now=NOW)

    def bare(row: list[Any]) -> None:
        connection.connection.execute(INSERT, row)

    ratios = []
    for _ in range(ROUNDS):
        bodies = [_body(next(numbers)) for _ in range(events // ROUNDS)]
        rows = [_row(body) for body in bodies]
        signed = [(body, _signed(body)) for body in bodies]
        ours, theirs = _rate(door, signed, threads), _rate(bare, rows, threads)
        ratios.append(ours / theirs)
        print(f"  {ours:,.0f} stored a second, {theirs:,.0f} inserted bare: {ratios[-1]:.2f}")
    middle = sorted(ratios)[len(ratios) // 2]
    print(f"{events:,} webhooks stored by {threads} threads -> {middle:.2f} of bare inserts (at least 0.7)")
    started = time.perf_counter()
    worked = work_webhooks(gateway=_Vendor(), now=NOW)  # type: ignore[arg-type]
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


def _rate(work: Callable[[Any], None], items: Sequence[Any], threads: int) -> float:
    """Items a second, all threads together, connections made before the clock starts."""
    from django.db import connection

    ready = threading.Barrier(threads + 1)
    failures: list[BaseException] = []

    def run(share: Sequence[Any]) -> None:
        try:
            connection.ensure_connection()
            ready.wait()
            for item in share:
                work(item)
        except BaseException as failure:
            failures.append(failure)
            ready.abort()
        finally:
            connection.close()

    workers = [threading.Thread(target=run, args=(items[part::threads],)) for part in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return len(items) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
