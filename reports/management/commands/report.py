"""Print or write a report as of any moment."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from config import clock
from config.commands import KeydeskCommand
from config.errors import InputError

FORMATS = ("text", "json")
REPORTS = ("redemption",)


class Command(KeydeskCommand):
    help = "Print or write a report, as of now or of any earlier moment"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("report", metavar="REPORT", help=f"which one: {', '.join(REPORTS)}")
        parser.add_argument("--campaign", metavar="SLUG", help="of one campaign; default: of all")
        parser.add_argument(
            "--as-of",
            metavar="T",
            help="a date and time with its zone, like 2022-07-11T12:00:00Z; default: now",
        )
        parser.add_argument(
            "--format", metavar="F", help=f"{' or '.join(FORMATS)}; default: text, with --json json"
        )
        parser.add_argument("--output", metavar="FILE", type=Path, help="write it to a file")

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        from reports.moments import read_as_of
        from reports.redemption import redemption_report

        _one_of("REPORT", options["report"], REPORTS)
        self._format = _format(options["format"], wants_json=options["json"])
        self._output: Path | None = options["output"]
        slug = _campaign(options["campaign"])
        now = clock.now()
        as_of = now
        if options["as_of"] is not None:
            as_of = read_as_of(options["as_of"], argument="--as-of", campaign_slug=slug, now=now)
        document = redemption_report(campaign_slug=slug, as_of=as_of)
        if self._output is not None:
            self._write(document, self._output)
        return document

    def emit(self, document: dict[str, Any]) -> None:
        if self._output is None:
            self.stdout.write(_rendered(document, self._format), ending="")
        else:
            self.say(f"The report as of {document['as_of']} is in {self._output}.")

    def _write(self, document: dict[str, Any], path: Path) -> None:
        from reports.files import write_whole

        write_whole(path, _rendered(document, self._format).encode(), argument="--output")


def _rendered(document: dict[str, Any], form: str) -> str:
    from reports.text import render_text

    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return render_text(document)


def _format(name: str | None, *, wants_json: bool) -> str:
    if name is None:
        return "json" if wants_json else "text"
    _one_of("--format", name, FORMATS)
    if wants_json and name != "json":
        raise InputError("--format", f"{name} and --json exclude each other.", remedy="Give one of them.")
    return name


def _campaign(slug: str | None) -> str | None:
    from fulfillment.claims.models import Campaign

    if slug is not None:
        _one_of("--campaign", slug, Campaign.objects.order_by("slug").values_list("slug", flat=True))
    return slug


def _one_of(argument: str, given: str, known: Any) -> None:
    if given not in known:
        there_are = f"There is {', '.join(known)}." if known else "There is none yet."
        raise InputError(argument, f"{given!r} is not known.", remedy=there_are)
