"""Account lists: address, age and two-factor authentication of the index's accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.errors import InputError, InputErrors, Problem
from roster.files.error_collector import FileErrors
from roster.files.fields import CHECK_THE_CLOCK, YET_TO_COME, boolean, email, optional_moment
from roster.files.names import is_username, look_alikes
from roster.files.records import records
from roster.files.source import SourceFile
from roster.rules.checks import CLOCK_SKEW
from roster.rules.json_parser import Parser, Unreadable, bad, quoted

REQUIRED = ("username", "email", "email_verified", "joined_at", "has_totp", "has_webauthn")
OPTIONAL = ("is_organization",)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of the list."""

    username: str
    email: str
    email_verified: bool
    joined_at: datetime | None
    has_totp: bool
    has_webauthn: bool
    is_organization: bool = False


def read_accounts(source: SourceFile, now: datetime) -> list[AccountRow]:
    """Every account of the list.

    Args:   now: nobody has joined later than that.
    Raises: InputErrors: the errors of the file, each with line and field.
    """
    faults = FileErrors(source)
    rows: list[AccountRow] = []
    lines: dict[str, int] = {}
    for line, record in records(source, REQUIRED, OPTIONAL):
        row = _account(line, record, faults, now)
        if row is not None:
            rows.append(row)
            first = lines.setdefault(row.username.lower(), line)
            if first != line:
                faults.add(
                    f"{row.username} is also on line {first} already.",
                    line=line,
                    field="username",
                    remedy="Capitals make no other username.",
                )
        if faults.enough:
            break
    faults.raise_any()
    if not rows:
        raise InputError(
            source.path, "there is not a single account in it.", line=1, remedy="Export it again."
        )
    return rows


def account_row(username: str, record: Mapping[str, object], now: datetime) -> AccountRow:
    """One account as an index pushes it, checked as a row of a list is.

    Raises: InputErrors: every bad field, unknown or missing ones among them, without a line.
    """
    fields = {"username": username, **record}
    problems = [
        Problem("unknown field.", field=name) for name in record if name not in (*REQUIRED[1:], *OPTIONAL)
    ]
    problems += [Problem("is missing.", field=name) for name in REQUIRED if name not in fields]
    values: dict[str, Any] = {}
    for name, parse in _FIELDS.items():
        if name in fields:
            try:
                values[name] = parse(fields[name])
            except Unreadable as error:
                found = error.problems[0]
                problems.append(Problem(found.problem, field=name, remedy=found.remedy))
    if values.get("email_verified") and values.get("email") == "":
        problems.append(Problem("there is no address to be verified.", field="email_verified"))
    if _is_yet_to_come(values.get("joined_at"), now):
        problems.append(Problem(YET_TO_COME, field="joined_at", remedy=CHECK_THE_CLOCK))
    if problems:
        raise InputErrors("account", problems)
    return AccountRow(**values)


def _is_yet_to_come(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment > now + CLOCK_SKEW


def _account(line: int, record: Mapping[str, object], faults: FileErrors, now: datetime) -> AccountRow | None:
    values: dict[str, Any] = {}
    for name, value in record.items():
        try:
            values[name] = _FIELDS[name](value)
        except Unreadable as error:
            faults.add(error.problems[0].problem, line=line, field=name, remedy=error.problems[0].remedy)
    if len(values) < len(record):
        return None
    if values["email_verified"] and not values["email"]:
        faults.add("there is no address to be verified.", line=line, field="email_verified")
        return None
    if _is_yet_to_come(values["joined_at"], now):
        faults.add(YET_TO_COME, line=line, field="joined_at", remedy=CHECK_THE_CLOCK)
        return None
    return AccountRow(**values)


def _username(value: object) -> str:
    if not isinstance(value, str) or not is_username(value):
        raise bad(f"{quoted(value)} is not a username.", look_alikes(value))
    return value


_FIELDS: Mapping[str, Parser] = {
    "username": _username,
    "email": email,
    "email_verified": boolean,
    "joined_at": optional_moment,
    "has_totp": boolean,
    "has_webauthn": boolean,
    "is_organization": boolean,
}
