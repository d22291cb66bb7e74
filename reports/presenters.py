"""A report as a page shows it: its sections, each with its chart, and what the filters link to."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from reports.chart_registry import pictures_of
from reports.exports import FORMATS
from reports.tables import Report, Table, printed


@dataclass(frozen=True)
class ReportSection:
    """One table, in words, with its chart's address for light and for dark paper if it has one."""

    table: Table
    rows: list[list[tuple[str, bool]]]
    alt: str
    light: str
    dark: str


@dataclass(frozen=True)
class Link:
    """A filter or a file: what it says, where it leads, and whether it is what is shown."""

    text: str
    url: str
    is_current: bool = False


def sections_of(
    report: Report, *, picture_url: str, query: str, leave_out: frozenset[str] = frozenset()
) -> list[ReportSection]:
    """Every table that has something to say, in order: rows, and not only numbers that are not shown.

    Args: picture_url: of a chart, with NAME and THEME where these go. query: of the page, without the mark.
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
    """The report's files. Args: url: with FORMAT where the name of one goes."""
    return [Link(name, _with(url.replace("FORMAT", name), query)) for name in FORMATS]


def choices(url: str, chosen: Mapping[str, str], name: str, values: list[tuple[str, str]]) -> list[Link]:
    """Links that each set one filter and keep the others. Args: values: value and its words; "" unsets."""
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
