from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.management.commands._arguments import a_date, import_document, import_sentence, operator
from roster.services.downloads import import_downloads


class Command(KeydeskCommand):
    help = "Import download counts per project (CSV, JSON or Parquet with project, download_count)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--window-start", type=a_date, metavar="D", help="first day counted, like 2022-01-01"
        )
        parser.add_argument("--window-end", type=a_date, metavar="D", help="last day counted")

    def run(self, options: Options) -> JsonObject:
        imported = import_downloads(
            path=options["file"],
            window_start=options["window_start"],
            window_end=options["window_end"],
            actor=operator(),
            now=clock.now(),
        )
        return import_document(imported)

    def show(self, document: JsonObject) -> None:
        self.stdout.write(import_sentence(document, "projects"))
