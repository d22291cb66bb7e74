"""Tables, the common form of all reports, with typed columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

Value = int | str | None


class Kind(StrEnum):
    """Type of a column. Values are whole numbers or text; None is "not known or not shown"."""

    TEXT = "text"
    COUNT = "count"
    MILLI = "milli"  # thousandths
    CENTS = "cents"  # minor units of the row's `currency`
    PERMILLE = "permille"
    SECONDS = "seconds"
    DAY = "day"  # a date, ISO 8601
    MOMENT = "moment"  # RFC 3339, UTC, Z
    DIGEST = "digest"  # SHA-256 in hexadecimal


_TEXTS = frozenset({Kind.TEXT, Kind.DAY, Kind.MOMENT, Kind.DIGEST})
# Titles of columns whose name does not read well.
_TITLES = {
    "sku": "key model",
    "sha256": "SHA-256",
    "p90_s": "90th percentile",
    "per_day_milli": "keys a day",
    "taken_at": "came at (UTC)",
}


@dataclass(frozen=True)
class Column:
    """One column: its name in files, title, type and meaning."""

    name: str
    kind: Kind
    meaning: str

    @property
    def title(self) -> str:
        if self.name in _TITLES:
            return _TITLES[self.name]
        return self.name.removesuffix("_cents").removesuffix("_permille").removesuffix("_s").replace("_", " ")

    @property
    def is_number(self) -> bool:
        return self.kind not in _TEXTS


@dataclass(frozen=True)
class Table:
    """One table. `about` describes a row."""

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Report:
    """A report: title, summary, tables, and the JSON document they come from."""

    name: str
    title: str
    as_of: str
    summary: tuple[str, ...]
    tables: tuple[Table, ...]
    document: Mapping[str, object]


def table(
    name: str, title: str, about: str, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]
) -> Table:
    """Build a table from rows by column name; missing values are None."""
    values = tuple(tuple(cast(Value, row.get(column.name)) for column in columns) for row in rows)
    return Table(name, title, about, tuple(columns), values)


def counted_column(name: str, title: str, about: str, what: str, counts: Mapping[str, int | None]) -> Table:
    """A table of names and counts."""
    columns = (Column(what, Kind.TEXT, about), Column("count", Kind.COUNT, f"How many: {about}"))
    return Table(name, title, f"{about[:1].upper()}{about[1:]}.", columns, tuple(counts.items()))


def text_column(name: str, meaning: str) -> Column:
    return Column(name, Kind.TEXT, meaning)


def count_column(name: str, meaning: str) -> Column:
    return Column(name, Kind.COUNT, meaning)


def money_column(name: str, meaning: str) -> Column:
    return Column(name, Kind.CENTS, meaning)


def seconds(name: str, meaning: str) -> Column:
    return Column(name, Kind.SECONDS, meaning)


def permille(name: str, meaning: str) -> Column:
    return Column(name, Kind.PERMILLE, meaning)


def day_column(name: str, meaning: str) -> Column:
    return Column(name, Kind.DAY, meaning)


def column_in_words(value: Value, kind: Kind) -> str:
    """Format a value: grouped thousands, amounts with two decimals, durations in days or hours."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return _text_in_words(value, kind)
    return _number_in_words(value, kind)


def _number_in_words(value: int, kind: Kind) -> str:
    if kind == Kind.MILLI:
        return f"{value / 1_000:,.1f}"
    if kind == Kind.CENTS:
        return f"{'-' if value < 0 else ''}{abs(value) // 100:,}.{abs(value) % 100:02}"
    if kind == Kind.PERMILLE:
        return f"{value / 10:.1f} %"
    if kind == Kind.SECONDS:
        return f"{value / 86_400:.1f} days" if value >= 86_400 else f"{value / 3_600:.1f} h"
    return f"{value:,}"


def _text_in_words(value: str, kind: Kind) -> str:
    if kind == Kind.MOMENT:
        return value[:16].replace("T", " ")
    # Enough to tell files apart; exports have all of it.
    if kind == Kind.DIGEST:
        return f"{value[:12]}…"
    return value.replace("_", " ") if kind == Kind.TEXT else value


def printed(table: Table) -> list[list[tuple[str, bool]]]:
    """Formatted cells, each with whether it is a number."""
    return [
        [
            (column_in_words(value, column.kind), column.is_number)
            for column, value in zip(table.columns, row, strict=True)
        ]
        for row in table.rows
    ]
