from pathlib import Path

from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.files.windows import DailyWindow
from roster.management.commands._arguments import a_count, a_date, import_document, operator
from roster.services.downloads import import_window


class Command(KeydeskCommand):
    help = "Sum daily download files (YYYY-MM-DD.parquet) over a window; sliding it reads only the new days."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("directory", type=Path, metavar="DIRECTORY")
        parser.add_argument("--end", type=a_date, required=True, metavar="D", help="the last day counted")
        parser.add_argument("--days", type=a_count, default=180, metavar="N", help="default 180")

    def run(self, options: Options) -> JsonObject:
        imported, ranking = import_window(
            directory=options["directory"],
            window=DailyWindow.ending(options["end"], options["days"]),
            actor=operator(),
            now=clock.now(),
        )
        return {
            **import_document(imported),
            "window_start": ranking.window.start.isoformat(),
            "window_end": ranking.window.end.isoformat(),
            "days_read": ranking.days_read,
        }

    def show(self, document: JsonObject) -> None:
        self.stdout.write(
            "{rows} projects from {window_start} to {window_end}; {days_read} days were read.".format(
                **document
            )
        )
