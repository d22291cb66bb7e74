"""`manage.py rehearse`: a simulated programme in a separate database, from start to report."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from sandbox.rehearsal import databases
from sandbox.rehearsal.faults import SEVERITIES
from sandbox.rehearsal.plan import DEFAULT_START, FULL_KEYS, FULL_MAINTAINERS, FULL_WEEKS
from sandbox.rehearsal.result import RehearsalSummary, as_text
from sandbox.rehearsal.run import run_in_process
from sandbox.server import Sandbox


def _from(least: int, most: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= number <= most:
            raise ArgumentTypeError(f"{number} is not between {least:,} and {most:,}")
        return number

    return whole_number


class Command(KeydeskCommand):
    help = "Rehearse a whole programme: seeded people, the real services, stand-in vendors, virtual time."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--seed", type=_from(0, 2**31), default=1, help="the same seed gives the same summary"
        )
        parser.add_argument("--keys", type=_from(2, 100_000), default=FULL_KEYS)
        parser.add_argument("--maintainers", type=_from(10, 100_000), default=FULL_MAINTAINERS)
        parser.add_argument("--weeks", type=_from(1, 104), default=FULL_WEEKS)
        parser.add_argument(
            "--faults", choices=SEVERITIES, default="none", help="severity of the vendors' faults"
        )
        parser.add_argument("--keep", action="store_true", help="keep the database and print its name")

    def run(self, options: Options) -> JsonObject:
        name = databases.new_name()
        databases.create_database(name)
        try:
            with Sandbox(start_at=DEFAULT_START, journey="realistic", seed=options["seed"]) as vendor:
                result = run_in_process(
                    database=name,
                    vendor=vendor,
                    seed=options["seed"],
                    keys=options["keys"],
                    maintainers=options["maintainers"],
                    weeks=options["weeks"],
                    start=DEFAULT_START,
                    faults=options["faults"],
                )
        finally:
            if options["keep"]:
                self.say(f"The database is kept as {name}.")
            else:
                databases.drop(name)
        self._summary: RehearsalSummary | None = json.loads(result.output) if result.output else None
        document: JsonObject = dict(self._summary) if self._summary else {}
        if result.status != 0:
            raise self.fail(document, f"The rehearsal failed with exit status {result.status}.")
        return document

    def show(self, document: JsonObject) -> None:
        if self._summary:
            self.stdout.write(as_text(self._summary))
