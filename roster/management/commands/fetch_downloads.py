from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from roster.files.source import SourceFile
from roster.gateways.bigquery import TABLE, DownloadQuery, fetch_downloads
from roster.management.commands._arguments import (
    a_count,
    a_date,
    import_document,
    import_sentence,
    operator,
)
from roster.services.downloads import load_downloads
from roster.services.snapshots import SnapshotWindow


class Command(KeydeskCommand):
    help = "Import download counts from the public BigQuery dataset; --print-sql shows the query and stops."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--window-start", type=a_date, required=True, metavar="D")
        parser.add_argument("--window-end", type=a_date, required=True, metavar="D")
        parser.add_argument(
            "--cohort", type=a_count, default=50_000, metavar="N", help="how many projects; default 50000"
        )
        parser.add_argument("--print-sql", action="store_true", help="print the query and run nothing")

    def run(self, options: Options) -> JsonObject:
        start, end = options["window_start"], options["window_end"]
        if end < start:
            raise CommandError("--window-end is before --window-start.", returncode=2)
        query = DownloadQuery(start, end, options["cohort"])
        if options["print_sql"]:
            return {"sql": query.as_text()}
        rows = fetch_downloads(query, project=settings.BIGQUERY_PROJECT, api_base=settings.BIGQUERY_API_BASE)
        lines = [f"{project},{downloads}\n" for project, downloads in rows]
        source = SourceFile(
            Path(f"{TABLE} {start}..{end}"), "".join(["project,download_count\n", *lines]).encode()
        )
        imported = load_downloads(
            source=source, window=SnapshotWindow(start, end), actor=operator(), now=clock.now()
        )
        return import_document(imported)

    def show(self, document: JsonObject) -> None:
        self.stdout.write(
            str(document["sql"]) if "sql" in document else import_sentence(document, "projects")
        )
