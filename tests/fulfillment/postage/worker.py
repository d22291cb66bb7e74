"""Workers in processes of their own, for tests that kill them.

    worker.py API_BASE

reads commands, one JSON object a line, and answers each with one:

    {"start": JOB, "later": SECONDS, …}  a worker is forked and works one job → {"pid"}
    {"wait": PID}                        → {"status"}: its exit status, negative for the signal that ended it
    {"look": PID}                        → {"status"}: the same, or null while it is at work

Jobs: `queue` what waits in the queue; `tick` the periodic look at what lies idle or is in doubt; `buy` one
purchase's, named by `purchase`. With `point` (crash_matrix.POINTS) and `marker`, the worker stops the first time
it comes there, writes the marker's file and waits to be killed.

The process itself never opens a connection, so that its children share none.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from django.db import connection  # noqa: E402
from procrastinate.contrib.django import app  # noqa: E402

from common import clock  # noqa: E402
from fulfillment.casework import jobs  # noqa: E402
from fulfillment.postage import gateways  # noqa: E402
from fulfillment.postage import jobs as postage_jobs  # noqa: E402
from fulfillment.postage.services.purchasing import buy_label  # noqa: E402
from fulfillment.shipments.carrier import GatewayError  # noqa: E402
from tests.fulfillment.postage.crash_matrix import Scenario, StruckGateway, points_of  # noqa: E402

# As long as a client waits here, so long a fault may delay the answer.
TIMEOUT_S = 5.0


class Doomed:
    """In the matrix's place for a trial: whoever comes to the point stays there until it is killed."""

    def __init__(self, point: str, marker: str) -> None:
        self.scenario = Scenario(point=point or None)
        self.marker = marker
        self.gateway: Any = None
        self.looking = self.looked_together = 0
        self.vendor_busy_until = 0.0

    def strike(self, point: str) -> None:
        if point == self.scenario.point:
            Path(self.marker).write_text(point)
            signal.pause()

    def look_at_the_same_time(self) -> None:
        """Others are real here."""


def work(api_base: str, command: dict[str, Any]) -> None:
    doomed = Doomed(command.get("point", ""), command.get("marker", ""))
    gateway = StruckGateway(api_key="EZTKtests", api_base=api_base, mode="test", timeout_s=TIMEOUT_S)
    gateway.trial = doomed  # type: ignore[assignment]
    doomed.gateway = gateway

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=command.get("later", 0))

    with points_of(doomed), clock.reading(now):  # type: ignore[arg-type]
        match command["start"]:
            case "tick":
                with connection.cursor() as cursor:
                    # The queue's clock is the wall's: what waits to be tried again has waited by now.
                    cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
                jobs.sweep(timestamp=0)
                postage_jobs.resolve_purchases(timestamp=0)
            case "buy":
                # The queue would try again, later, what the vendor was too busy for.
                with suppress(GatewayError):
                    buy_label(
                        purchase_id=command["purchase"],
                        gateway=gateways.carrier_gateway(),
                        worker=str(os.getpid()),
                        now=now(),
                    )
            case "queue":
                worker = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
                worker.run_worker(wait=False, listen_notify=False, install_signal_handlers=False)
    gateway.close()


def serve(api_base: str) -> None:
    # The jobs of all rooms, which are imported when they are needed: here once, for every child.
    app.perform_import_paths()  # type: ignore[no-untyped-call]
    for line in sys.stdin:
        command = json.loads(line)
        answer: dict[str, int | None]
        if "wait" in command:
            _, status = os.waitpid(command["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
        elif "look" in command:
            ended, status = os.waitpid(command["look"], os.WNOHANG)
            answer = {"status": os.waitstatus_to_exitcode(status) if ended else None}
        else:
            pid = os.fork()
            if pid == 0:
                _work_and_leave(api_base, command)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


def _work_and_leave(api_base: str, command: dict[str, Any]) -> None:
    status = 1
    try:
        work(api_base, command)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
