from dataclasses import asdict
from pathlib import Path

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options
from roster.management.commands._arguments import a_count
from sandbox.synthetic_index import generate_index


class Command(KeydeskCommand):
    help = "Write a synthetic package index: downloads.csv, roles.csv and accounts.csv, from a seed."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--seed", type=int, default=1, metavar="N")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")
        parser.add_argument("--projects", type=a_count, default=350_000, metavar="N")
        parser.add_argument("--critical", type=a_count, default=3_818, metavar="N")
        parser.add_argument("--maintainers", type=a_count, default=8_218, metavar="N")
        parser.add_argument(
            "--downloads", type=Path, metavar="FILE", help="use the top projects of a real download list"
        )

    def run(self, options: Options) -> JsonObject:
        index = generate_index(
            seed=options["seed"],
            directory=options["out"],
            projects=options["projects"],
            critical=options["critical"],
            maintainers=options["maintainers"],
            downloads=options["downloads"],
        )
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(index).items()
        }
