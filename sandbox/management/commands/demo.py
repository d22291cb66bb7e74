"""`manage.py demo`: rehearse a programme, print its report, and serve it."""

import json
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from sandbox.rehearsal import databases
from sandbox.rehearsal.plan import FULL_KEYS, FULL_MAINTAINERS, FULL_WEEKS
from sandbox.rehearsal.result import RehearsalSummary, as_text
from sandbox.rehearsal.run import STRIPE_WEBHOOK_SECRET, environment, run_in_process
from sandbox.server import Sandbox

DATABASE = f"{databases.PREFIX}_demo"
STARTS_WITHIN_S = 60


class Command(KeydeskCommand):
    help = "Rehearse a full programme, print its report, then serve it with workers and stand-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--downloads", type=Path, help="use a real download list (project, download_count)"
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--keys", type=int, default=FULL_KEYS)
        parser.add_argument("--maintainers", type=int, default=FULL_MAINTAINERS)
        parser.add_argument("--weeks", type=int, default=FULL_WEEKS)
        parser.add_argument("--port", type=int, default=8000, help="port of the site")
        parser.add_argument("--vendor-port", type=int, default=9000, help="port of the stand-ins")
        parser.add_argument("--stop-after", type=float, help="stop after this many seconds")

    def run(self, options: Options) -> JsonObject:
        signal.signal(signal.SIGTERM, _stop)
        for port in (options["port"], options["vendor_port"]):
            _refuse_busy(port)
        databases.create_database(DATABASE)
        mail_dir = settings.VAR_DIR / "mail"
        mail_dir.mkdir(parents=True, exist_ok=True)
        # It ends yesterday evening, so that the campaign is open and shipments are in transit.
        this_morning = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = this_morning - timedelta(weeks=options["weeks"])
        with Sandbox(
            start_at=start,
            journey="realistic",
            seed=options["seed"],
            port=options["vendor_port"],
            mail_dir=mail_dir,
        ) as vendor:
            result = run_in_process(
                database=DATABASE,
                vendor=vendor,
                seed=options["seed"],
                keys=options["keys"],
                maintainers=options["maintainers"],
                weeks=options["weeks"],
                start=start,
                downloads=options["downloads"],
            )
            if result.status != 0:
                raise CommandError("The rehearsal failed; see the messages above.", returncode=1)
            summary: RehearsalSummary = json.loads(result.output)
            self.say(as_text(summary))
            self._serve(vendor, options)
        return {"rehearsal": summary}

    def show(self, document: JsonObject) -> None:
        self.stdout.write("Stopped.")

    def _serve(self, vendor: Sandbox, options: Options) -> None:
        site = f"http://127.0.0.1:{options['port']}"
        variables = {
            **environment(database=DATABASE, vendor=vendor),
            "DEBUG": "true",
            "SITE_URL": site,
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "MAIL_URL": "file",
            "STAFF_SECURITY_KEY": "optional",
        }
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        prepared = subprocess.run(  # noqa: S603
            [*manage, "prepare_demo", f"--site={site}", "--json"],
            env=variables,
            stdout=subprocess.PIPE,
            check=False,
        )
        if prepared.returncode != 0:
            raise CommandError("The demo could not be prepared; see the messages above.", returncode=1)
        people = json.loads(prepared.stdout)
        vendor.stripe.roll_secret(STRIPE_WEBHOOK_SECRET)
        # Shipments claimed in the demo advance one step a minute.
        vendor.control.settings(journey="test")
        processes = [
            subprocess.Popen(command, env=variables)  # noqa: S603
            for command in (
                [
                    *(sys.executable, "-m", "gunicorn", "config.wsgi", "--config", "config/gunicorn.py"),
                    *("--bind", f"127.0.0.1:{options['port']}", "--log-level", "warning"),
                ],
                [*manage, "procrastinate", "worker"],
            )
        ]
        try:
            _wait_for(f"{site}/healthz", processes)
            self.say(_welcome(site=site, vendor=vendor.url, people=people))
            _stay(processes, vendor, options["stop_after"])
        except KeyboardInterrupt:
            pass
        finally:
            _end(processes)


def _welcome(*, site: str, vendor: str, people: dict[str, str]) -> str:
    return f"""
The demo is running:

  the site          {site}/
  the report        {site}/reports/redemption/
  the API           {site}/api/v1/docs
  the email inbox   {vendor}/inbox   (sign-in codes arrive here)

Sign in at {site}/ with one of these addresses. The code arrives in the inbox:

  as a maintainer   {people["maintainer"]}   (eligible, no claim yet)
  as a claimant     {people["claimant"]}   (has a claim to track)
  as ops            {people["ops"]}
  as the foundation {people["foundation"]}

An API token with all scopes, for this demo only: {people["token"]}

Ctrl-C stops everything.
"""


def _refuse_busy(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CommandError(
                f"Port {port} is in use. Stop that program or choose another (--port, --vendor-port).",
                returncode=1,
            ) from None


def _wait_for(url: str, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            break
        try:
            with urlopen(url, timeout=2):  # noqa: S310  # our own loopback address
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise CommandError("The site did not start; see its messages above.", returncode=1)


def _stay(processes: list[subprocess.Popen[bytes]], vendor: Sandbox, seconds: float | None) -> None:
    """Keep the stand-in's clock at real time until the time is up, Ctrl-C, or a process stops."""
    deadline = time.monotonic() + seconds if seconds is not None else None
    while deadline is None or time.monotonic() < deadline:
        for process in processes:
            if process.poll() is not None:
                raise CommandError("A process of the demo stopped; see its messages above.", returncode=1)
        vendor.control.advance_to(datetime.now(UTC))
        time.sleep(1)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
