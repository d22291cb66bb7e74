"""Parsers of JSON documents that collect every problem with its field.

A parser takes a JSON value and returns its Python value, or raises `Unreadable`.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any

from common.errors import Problem

Parser = Callable[[object], Any]

# A count beyond this is a mistake, and would not fit PostgreSQL's bigint.
LARGEST_COUNT = 2**63 - 1
LONGEST_TEXT = 1000
AS_IN_ISO_3166 = "Use two capital letters as in ISO 3166, like DE."


class Unreadable(ValueError):
    """A value that cannot be read, with every problem found in it."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def bad(problem: str, remedy: str | None = None) -> Unreadable:
    return Unreadable(Problem(problem, remedy=remedy))


def quoted(value: object) -> str:
    """A value for a message: short, and printable on any terminal."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_text(value: object) -> str:
    if not isinstance(value, str):
        raise bad(f"{quoted(value)} is not a text.")
    if len(value) > LONGEST_TEXT or not value.strip() or not value.isprintable():
        raise bad(f"{quoted(value)} is empty, too long or has control characters in it.")
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise bad(f"{quoted(value)} is neither true nor false.")
    return value


def read_count(value: object, *, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_COUNT:
        raise bad(f"{quoted(value)} is not a whole number from {least} on.")
    return value


def positive_count(value: object) -> int:
    return read_count(value, least=1)


def positive_number(value: object) -> float:
    # NaN fails the comparison, and infinity is caught by the upper end.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST_COUNT:
        raise bad(f"{quoted(value)} is not a number above 0.")
    return value


def read_day(value: object) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise bad(f"{quoted(value)} is not a date.", "Write it as 2022-07-11.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise bad(f"{quoted(value)} is not a day of the calendar.") from None


def _time(value: object) -> datetime:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", value, re.ASCII):
        raise bad(f"{quoted(value)} is not a time.", "Write it as 2022-07-11T12:00:00Z.")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise bad(f"{quoted(value)} is not a time.", "Write it as 2022-07-11T12:00:00Z.") from None


def _in_utc(moment: datetime, value: object) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first and the last day of the calendar have no neighbours
        raise bad(f"{quoted(value)} is outside the calendar.") from None


def moment(value: object) -> datetime:
    read = _time(value)
    if read.tzinfo is None:
        raise bad(f"{quoted(value)} has no time zone.", "Write it as 2022-07-11T12:00:00Z.")
    return _in_utc(read, value)


def policy_moment(value: object) -> datetime:
    """A time in a policy: the policies of 2022 were written without a zone and meant UTC."""
    read = _time(value)
    return _in_utc(read if read.tzinfo else read.replace(tzinfo=UTC), value)


def country_code(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{2}", value):
        raise bad(f"{quoted(value)} is not a country code.", AS_IN_ISO_3166)
    return value


def one_of(values: Collection[str], what: str, remedy: str | None = None) -> Parser:
    known = remedy or f"Known are: {', '.join(sorted(values))}."

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in values:
            raise bad(f"{quoted(value)} is not a {what}.", known)
        return value

    return parse


def list_of(parser: Parser) -> Parser:
    """A list whose items the parser reads; as a tuple."""

    def parse(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise bad(f"{quoted(value)} is not a list.")
        found, problems = [], []
        for position, item in enumerate(value):
            try:
                found.append(parser(item))
            except Unreadable as error:
                problems.extend(_at(f"[{position}]", error))
        if problems:
            raise Unreadable(*problems)
        return tuple(found)

    return parse


def set_of(parser: Parser) -> Parser:
    """A list that is not empty and has no duplicates."""
    items = list_of(parser)

    def parse(value: object) -> tuple[Any, ...]:
        found: tuple[Any, ...] = items(value)
        if not found:
            raise bad("the list is empty.", "Name at least one.")
        twice = sorted({item for item in found if found.count(item) > 1})
        if twice:
            raise bad(f"{', '.join(quoted(item) for item in twice)} is in the list twice.")
        return found

    return parse


def object_of(fields: Mapping[str, Parser], required: Collection[str] = ()) -> Parser:
    """An object with these fields and no others; an absent or null field that is not required is left out."""

    def parse(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise bad(f"{quoted(value)} is not a JSON object.")
        found: dict[str, Any] = {}
        problems = [
            Problem(
                "unknown field.",
                field=key_shown(key),
                remedy=f"Known are: {', '.join(fields) or 'none'}.",
            )
            for key in value
            if key not in fields
        ]
        for key, parser in fields.items():
            if value.get(key) is None:
                if key in required:
                    problems.append(Problem("is missing.", field=key))
                continue
            try:
                found[key] = parser(value[key])
            except Unreadable as error:
                problems.extend(_at(key, error))
        if problems:
            raise Unreadable(*problems)
        return found

    return parse


def key_shown(key: str) -> str:
    return key if key.isascii() and key.isprintable() and len(key) <= 60 else quoted(key)


def _at(place: str, error: Unreadable) -> list[Problem]:
    return [
        Problem(problem.problem, problem.line, _joined(place, problem.field), problem.remedy)
        for problem in error.problems
    ]


def _joined(place: str, field: str | None) -> str:
    if field is None:
        return place
    return f"{place}{field}" if field.startswith("[") else f"{place}.{field}"
