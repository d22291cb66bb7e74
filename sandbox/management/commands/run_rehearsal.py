"""`manage.py run_rehearsal`: run a rehearsal in this process's database; for `rehearse` and `demo`.

It runs in a separate process because a rehearsal needs other settings: another database, the stand-ins'
addresses, no email.
"""

import gc
import logging
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from sandbox.rehearsal import databases
from sandbox.rehearsal.faults import SEVERITIES, set_up
from sandbox.rehearsal.plan import Plan
from sandbox.rehearsal.result import RehearsalSummary
from sandbox.rehearsal.workers import Workers, workers


class Command(KeydeskCommand):
    help = "Run a rehearsal in this process's database, which must be a rehearsal's (see rehearse)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--seed", type=int, required=True)
        parser.add_argument("--keys", type=int, required=True)
        parser.add_argument("--maintainers", type=int, required=True)
        parser.add_argument("--weeks", type=int, required=True)
        parser.add_argument("--start", type=datetime.fromisoformat, required=True)
        parser.add_argument("--downloads", type=Path)
        parser.add_argument("--faults", choices=SEVERITIES, default="none")
        parser.add_argument("--vendor", required=True, help="address of the stand-ins")

    def run(self, options: Options) -> JsonObject:
        name = connection.settings_dict["NAME"]
        if not name.startswith(databases.PREFIX):
            raise CommandError(f"{name} is not a rehearsal's database; use rehearse.", returncode=2)
        plan = Plan(
            seed=options["seed"],
            keys=options["keys"],
            maintainers=options["maintainers"],
            weeks=options["weeks"],
            start=options["start"],
            downloads=options["downloads"],
            faults=options["faults"],
        )
        # Neither migrations nor thousands of short transactions leave much garbage to collect.
        gc.set_threshold(100_000, 50, 50)
        # Workers take some seconds to start; the tables are created meanwhile.
        with workers() as staff:
            self.say("Creating the tables")
            call_command("migrate", verbosity=0, interactive=False)
            summary = self._play(plan, options["vendor"], staff)
        agree = summary["vendor"]["agree"] and summary["payments"]["agree"]
        if not summary["verify"]["ok"] or not agree or not _reports_are_stable(summary):
            raise self.fail(
                dict(summary),
                "The rehearsal ended with violated invariants or records that differ from the vendor's.",
            )
        return dict(summary)

    def _play(self, plan: Plan, vendor_url: str, staff: Workers) -> RehearsalSummary:
        from sandbox.client import Control
        from sandbox.rehearsal.clock import VirtualClock
        from sandbox.rehearsal.programme import Programme
        from sandbox.rehearsal.web_server import serve_site
        from sandbox.rehearsal.webhook_registration import register_carrier_webhook

        # Only now, because importing the site configures logging again. The vendor's refusals are logged as
        # information, and are part of the rehearsal.
        logging.getLogger("keydesk").setLevel(logging.WARNING)
        time_now = VirtualClock(plan.start)
        vendor = Control(vendor_url)
        with (
            TemporaryDirectory(prefix="keydesk-rehearsal-") as folder,
            clock.reading(time_now),
            serve_site() as site,
        ):
            programme = Programme(
                plan, folder=Path(folder), time_now=time_now, vendor=vendor, workers=staff, say=self.say
            )
            vendor.set_clock(plan.start)
            set_up(vendor, plan.faults, seed=plan.seed)
            register_carrier_webhook(site)
            programme.prepare()
            with self.progress(plan.weeks * 7, "Rehearsing, day by day") as steps:
                for number, _evening in enumerate(programme.days(steps), start=1):
                    if number % 7 == 0:
                        self.say(f"  week {number // 7} of {plan.weeks}: {programme.progress_line()}")
            return programme.summary()


def _reports_are_stable(summary: RehearsalSummary) -> bool:
    """Whether reports as of past moments are the same when made later."""
    return summary["reports"]["same_when_made_later"]
