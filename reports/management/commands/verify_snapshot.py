"""Check a frozen snapshot. `python -m reports.snapshots.checking` does the same without an installation."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from common.base_command import JsonObject, KeydeskCommand, Options


class Command(KeydeskCommand):
    help = "Verify a frozen snapshot against its signature; needs no database"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", metavar="FOLDER", type=Path)
        parser.add_argument(
            "--public-key", metavar="KEY", help="base64 of the public key that must have signed it"
        )

    def run(self, options: Options) -> JsonObject:
        from reports.snapshots.checking import snapshot_problems

        problems = snapshot_problems(options["folder"], public_key=options["public_key"])
        document = {"folder": str(options["folder"]), "ok": not problems, "problems": problems}
        if problems:
            raise self.fail(document, "The snapshot does not match its signature.")
        return document

    def show(self, document: dict[str, Any]) -> None:
        for problem in document["problems"]:
            self.stdout.write(problem)
        if document["ok"]:
            self.stdout.write("The snapshot matches its signature.")
