"""Parsers of single cells."""

import re
from datetime import date, datetime

from roster.rules.json_parser import bad, flag, moment, quoted, read_day

# Spellings of booleans by databases and spreadsheets.
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
YET_TO_COME = "this time is yet to come."
CHECK_THE_CLOCK = "Check the clock and the time zone of the export."
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f<>\"(),:;\\]+@[^@\s\x00-\x1f\x7f<>\"(),:;\\]+\.[^@\s.]{2,}")


def boolean(value: object) -> bool:
    if not isinstance(value, str):
        return flag(value)
    read = _BOOLEANS.get(value.strip().lower())
    if read is None:
        raise bad(f"{quoted(value)} is neither true nor false.", "Write true or false.")
    return read


def optional_day(value: object) -> date | None:
    """A date, or the UTC day of a time; None when the cell is empty."""
    if _is_nothing(value):
        return None
    return moment(value).date() if isinstance(value, str) and len(value) > 10 else read_day(value)


def optional_moment(value: object) -> datetime | None:
    return None if _is_nothing(value) else moment(value)


def email(value: object) -> str:
    """An email address; empty when the account has none."""
    if _is_nothing(value):
        return ""
    if (
        not isinstance(value, str)
        or len(value) > 254
        or not value.isprintable()
        or not _EMAIL.fullmatch(value)
    ):
        # The address itself is not shown: messages end up in logs.
        raise bad("this is not an email address.", "Write one plain address, like m-1@example.org.")
    return value


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
