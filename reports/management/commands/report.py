"""Print or write a report as of any moment."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.management.base import CommandParser

from common import clock
from common.base_command import JsonObject, KeydeskCommand, Options
from common.errors import InputError

if TYPE_CHECKING:
    from reports.documents import RedemptionReport
    from reports.tables import Report

TEXT = "text"
# `redemption` is exact; `published` may be passed on (docs/decisions/0090).
REDEMPTION, PUBLISHED, COMPARISON = "redemption", "published", "comparison"


class Command(KeydeskCommand):
    help = "Print or write a report, as of now or of any earlier moment"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "report",
            metavar="REPORT",
            help="the report: redemption (exact), published (may be passed on), comparison, stock, carriers, "
            "payments, roster, vault, cases",
        )
        parser.add_argument(
            "--campaign", metavar="SLUG", help="default: all campaigns; for published, the current one"
        )
        parser.add_argument(
            "--as-of",
            metavar="T",
            help="a date and time with a time zone, such as 2022-07-11T12:00:00Z; default: now",
        )
        parser.add_argument("--with-campaign", metavar="SLUG", help="comparison: the other campaign")
        parser.add_argument("--with-as-of", metavar="T", help="comparison: the earlier date")
        parser.add_argument(
            "--format",
            metavar="F",
            help="text, json, csv, xlsx, parquet, html or pdf; csv.zip, parquet.zip: a file for each table; "
            "default: by the file's name, else text, with --json json",
        )
        parser.add_argument("--output", metavar="FILE", type=Path, help="write the report to this file")

    def run(self, options: Options) -> JsonObject:
        from reports.catalogue import STATEMENTS

        known = (REDEMPTION, PUBLISHED, COMPARISON, *STATEMENTS)
        _one_of("REPORT", options["report"], known)
        self._output: Path | None = options["output"]
        self._format = _format(options["format"], output=self._output, wants_json=options["json"])
        with self.progress(2, f"Making the {options['report']} report") as steps:
            self._report = self._make(options)
            steps.advance()
            self._content = _rendered(self._report, self._format)
            steps.advance()
        if self._output is not None:
            from reports.exports.files import write_whole

            write_whole(self._output, self._content, argument="--output")
        return dict(self._report.document)

    def emit(self, document: JsonObject) -> None:
        if self._output is None:
            self.stdout.write(self._content.decode(), ending="")
        else:
            self.say(f"The report as of {self._report.as_of} is in {self._output}.")

    def _make(self, options: Options) -> "Report":
        from reports import catalogue
        from reports.statements.comparison import comparison_report

        name = options["report"]
        slug = _campaign(options["campaign"], "--campaign")
        as_of = _moment(options["as_of"], "--as-of", slug)
        if name == REDEMPTION:
            return catalogue.exact_redemption(campaign_slug=slug, as_of=as_of)
        if name == PUBLISHED:
            return catalogue.published_redemption(
                campaign_slug=slug or _current(as_of),
                as_of=as_of,
                smallest_group=settings.ENVIRONMENT.smallest_group,
            )
        if name == COMPARISON:
            other = _campaign(options["with_campaign"], "--with-campaign") or slug
            earlier = (
                _moment(options["with_as_of"], "--with-as-of", other) if options["with_as_of"] else as_of
            )
            if (other, earlier) == (slug, as_of):
                raise InputError(
                    "comparison",
                    "both sides are the same.",
                    remedy="Give --with-as-of or --with-campaign.",
                )
            first = catalogue.exact_redemption(campaign_slug=other, as_of=earlier)
            second = catalogue.exact_redemption(campaign_slug=slug, as_of=as_of)
            return comparison_report(first.document, second.document)
        return catalogue.STATEMENTS[name].make(as_of)


def _rendered(report: "Report", form: str) -> bytes:
    from reports.exports import FORMATS
    from reports.exports.terminal import render_tables, render_text

    if form != TEXT:
        return FORMATS[form].write(report)
    if report.name == REDEMPTION:
        return render_text(cast("RedemptionReport", report.document)).encode()
    return render_tables(report).encode()


def _format(name: str | None, *, output: Path | None, wants_json: bool) -> str:
    from reports.exports import FORMATS

    known = (TEXT, *FORMATS)
    if name is None:
        by_name = [form for form in FORMATS if output is not None and output.name.endswith(f".{form}")]
        name = "json" if wants_json else max(by_name, key=len, default=TEXT)
    _one_of("--format", name, known)
    if name in ("csv", "parquet") and output is not None and output.suffix == ".zip":
        name = f"{name}.zip"
    if wants_json and name != "json":
        raise InputError("--format", f"{name} and --json cannot be combined.", remedy="Give one of them.")
    if output is None and name not in (TEXT, "json", "csv", "html"):
        raise InputError(
            "--format", f"{name} cannot be printed to a terminal.", remedy="Name a file with --output."
        )
    return name


def _moment(text: str | None, argument: str, slug: str | None) -> datetime:
    from reports.as_of import read_as_of

    now = clock.now()
    return now if text is None else read_as_of(text, argument=argument, campaign_slug=slug, now=now)


def _campaign(slug: str | None, argument: str) -> str | None:
    from fulfillment.claims.models import Campaign

    if slug is not None:
        _one_of(argument, slug, Campaign.objects.order_by("slug").values_list("slug", flat=True))
    return slug


def _current(now: datetime) -> str:
    from fulfillment.claims.selectors import current_campaign

    campaign = current_campaign(now)
    if campaign is None:
        raise InputError("--campaign", "there is no campaign yet.", remedy="Create one first.")
    return campaign.slug


def _one_of(argument: str, given: str, known: Collection[str]) -> None:
    if given not in known:
        remedy = f"Choose one of {', '.join(known)}." if known else "There are none yet."
        raise InputError(argument, f"{given!r} is unknown.", remedy=remedy)
