"""Presentation of a report as a page: sections with charts, filters and downloads."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from reports.chart_registry import pictures_of
from reports.exports import FORMATS
from reports.tables import Report, Table, printed


@dataclass(frozen=True)
class ReportSection:
    """One table as text, with the URLs of its chart for light and dark themes, if it has one."""

    table: Table
    rows: list[list[tuple[str, bool]]]
    alt: str
    light: str
    dark: str


@dataclass(frozen=True)
class Link:
    """A link of a filter or download; `is_current` when it leads to what is shown."""

    text: str
    url: str
    is_current: bool = False


def sections_of(
    report: Report, *, picture_url: str, query: str, leave_out: frozenset[str] = frozenset()
) -> list[ReportSection]:
    """Sections for every table that has rows and at least one number shown, in order.

    Args: picture_url: URL of a chart, with NAME and THEME as placeholders. query: of the page, without "?".
    """
    pictures = {picture.table: picture for picture in pictures_of(report)}
    found = []
    for table in report.tables:
        if table.name in leave_out or not _says_something(table):
            continue
        picture = pictures.get(table.name)
        urls = {
            theme: _with(picture_url.replace("NAME", picture.name).replace("THEME", theme), query)
            for theme in ("light", "dark")
            if picture
        }
        found.append(
            ReportSection(
                table,
                printed(table),
                picture.alt if picture else "",
                urls.get("light", ""),
                urls.get("dark", ""),
            )
        )
    return found


def _says_something(table: Table) -> bool:
    numbers = [
        value
        for row in table.rows
        for column, value in zip(table.columns, row, strict=True)
        if column.is_number
    ]
    return bool(table.rows) and (not numbers or any(number is not None for number in numbers))


def downloads(url: str, query: str) -> list[Link]:
    """Links to the report's files. Args: url: with FORMAT as a placeholder."""
    return [Link(name, _with(url.replace("FORMAT", name), query)) for name in FORMATS]


def choices(url: str, chosen: Mapping[str, str], name: str, values: list[tuple[str, str]]) -> list[Link]:
    """Links that set one filter and keep the others. Args: values: value and label; "" clears it."""
    return [
        Link(
            words,
            _with(url, urlencode({key: given for key, given in {**chosen, name: value}.items() if given})),
            (chosen.get(name) or "") == value,
        )
        for value, words in values
    ]


def _with(url: str, query: str) -> str:
    return f"{url}?{query}" if query else url
