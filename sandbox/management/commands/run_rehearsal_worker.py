"""`manage.py run_rehearsal_worker`: work jobs at each time read from standard input, until the next line."""

import gc
import logging
import sys
from datetime import datetime

from django.core import mail
from django.core.management.base import CommandError
from django.db import connection

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from sandbox.rehearsal import databases
from sandbox.rehearsal.clock import VirtualClock
from sandbox.rehearsal.workers import DONE, Worker


class Command(KeydeskCommand):
    help = "Work the jobs of a rehearsal; started by run_rehearsal, which sends the times."

    def run(self, options: Options) -> JsonObject:
        name = connection.settings_dict["NAME"]
        if not name.startswith(databases.PREFIX):
            raise CommandError(f"{name} is not a rehearsal's database; use rehearse.", returncode=2)
        # A worker logs a line for every job; a rehearsal has thousands.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        # The gateways log every refusal of a vendor, such as to expire a session that has expired.
        logging.getLogger("keydesk").setLevel(logging.WARNING)
        # Thousands of short transactions leave little garbage to collect.
        gc.set_threshold(100_000, 50, 50)
        worker = Worker()
        try:
            # Read line by line: the line that ends a time is read while its jobs are worked.
            while line := sys.stdin.readline():
                time_now = VirtualClock(datetime.fromisoformat(line.strip()))
                with clock.reading(time_now):
                    worker.work(until=sys.stdin.readline)
                if hasattr(mail, "outbox"):
                    mail.outbox.clear()
                print(DONE, flush=True)
        finally:
            worker.close()
        return {}

    def show(self, document: JsonObject) -> None:
        """Print nothing: the output is the protocol with run_rehearsal."""
