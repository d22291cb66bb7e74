"""`manage.py seal_ledger`: a Merkle root over each day of the ledger, chained to the day before."""

from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from common.clock import now
from common.errors import InputError
from inventory.errors import DayNotOver
from inventory.services.sealing import seal_days


def a_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2022-07-11") from None


class Command(KeydeskCommand):
    help = (
        "Seal every day of the stock ledger that is over and has no seal yet. Keep the last seal elsewhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--through", type=a_day, metavar="DAY", help="the last day to seal (UTC)")

    def run(self, options: Options) -> JsonObject:
        try:
            with self.progress(None, "Sealing"):
                seals = seal_days(now=now(), through=options["through"])
        except DayNotOver as refusal:
            raise InputError("--through", str(refusal)) from None
        return {
            "sealed": [
                {
                    "day": seal.day.isoformat(),
                    "movements": seal.movement_count,
                    "root": bytes(seal.root).hex(),
                    "seal": bytes(seal.hash).hex(),
                }
                for seal in seals
            ]
        }

    def show(self, document: dict[str, Any]) -> None:
        for seal in document["sealed"]:
            self.stdout.write(f"{seal['day']}  {seal['movements']:>10,} movements  {seal['seal']}")
        if not document["sealed"]:
            self.stdout.write("Every day that is over has its seal.")
