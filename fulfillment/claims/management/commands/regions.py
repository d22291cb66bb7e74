"""`manage.py regions --export` and `--import FILE`: the region table as CSV."""

from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from fulfillment.claims.campaigns.region_csv import export_regions, import_regions


class Command(KeydeskCommand):
    help = "Export the region table as CSV, or update it from a CSV file from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--export", action="store_true", help="print every dated row")
        what.add_argument("--import", dest="file", type=Path, metavar="FILE", help="update the table")

    def run(self, options: Options) -> JsonObject:
        if options["export"]:
            return {"csv": export_regions()}
        return {"changed": import_regions(path=options["file"], now=clock.now())}

    def show(self, document: JsonObject) -> None:
        if "csv" in document:
            self.stdout.write(str(document["csv"]), ending="")
        else:
            self.stdout.write("{changed} rows changed or added.".format(**document))
