"""The same list in whatever format, and the same fault at the same row in each; nothing half taken in."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import InputErrors
from roster.models import Account, Project, ProjectRole, Receipt, Snapshot, TwoFactorObservation
from roster.services.accounts import import_accounts
from roster.services.downloads import import_downloads
from roster.services.roles import import_roles
from tests.roster.conftest import ACCOUNTS, DOWNLOADS, LATER, NOW, ROLES, Write

pytestmark = pytest.mark.django_db
Rows = list[dict[str, Any]]

JOINED = datetime(2014, 2, 3, tzinfo=UTC)
PEOPLE: Rows = [
    {
        "username": name,
        "email": f"{name}@example.org",
        "email_verified": True,
        "joined_at": JOINED.isoformat(),
        "has_totp": False,
        "has_webauthn": name == "bob",
    }
    for name in ("ada", "bob", "eve")
]
HELD: Rows = [
    {"project": project, "username": "ada", "role": "Owner", "since": "2019-05-01"}
    for project in ("alpha", "beta", "gamma")
]


def csv(rows: Rows) -> bytes:
    lines = [",".join(rows[0])] + [",".join(_cell(value) for value in row.values()) for row in rows]
    return "\n".join([*lines, ""]).encode()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def json_lines(rows: Rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def json_list(rows: Rows) -> bytes:
    return json.dumps(rows).encode()


def parquet(rows: Rows) -> bytes:
    return _parquet(pa.Table.from_pylist(rows))


def _parquet(table: pa.Table) -> bytes:
    buffer = BytesIO()
    pq.write_table(table, buffer, row_group_size=2)
    return buffer.getvalue()


Format = Callable[[Rows], bytes]
# Where the first row stands.
FORMATS: dict[Format, int] = {csv: 2, json_lines: 1, json_list: 1, parquet: 1}
Importer = Callable[..., Any]


def everything() -> list[object]:
    kept = (Account, Project, ProjectRole, Snapshot, Receipt, TwoFactorObservation)
    return [list(model.objects.order_by("pk").values()) for model in kept]


def refused(importer: Importer, write: Write, content: bytes) -> tuple[int | None, str | None, str]:
    """What the one fault is, with nothing changed by it."""
    before = everything()
    with pytest.raises(InputErrors) as refusal:
        importer(path=write("bad", content), actor="ops", now=LATER)
    (problem,) = refusal.value.problems
    assert everything() == before
    return problem.line, problem.field, f"{problem.problem} {problem.remedy}"


@pytest.mark.parametrize("written", FORMATS, ids=lambda one: one.__name__)
def test_accounts_are_the_same_in_every_format(written: Format, write: Write) -> None:
    assert import_accounts(path=write("people", written(PEOPLE)), actor="ops", now=NOW).added == 3
    assert list(Account.objects.order_by("pk").values_list("username", "joined_at", "has_webauthn")) == [
        ("ada", JOINED, False),
        ("bob", JOINED, True),
        ("eve", JOINED, False),
    ]


@pytest.mark.parametrize("written", FORMATS, ids=lambda one: one.__name__)
def test_roles_are_the_same_in_every_format(written: Format, write: Write) -> None:
    import_accounts(path=write("people", csv(PEOPLE)), actor="ops", now=NOW)
    assert import_roles(path=write("roles", written(HELD)), actor="ops", now=NOW).added == 3
    since = ProjectRole.objects.order_by("pk").values_list("project__name", "since")
    assert [(name, str(day)) for name, day in since] == [(row["project"], row["since"]) for row in HELD]


def test_parquet_may_have_times_and_days_of_its_own(write: Write) -> None:
    people = pa.Table.from_pylist([{**row, "joined_at": JOINED} for row in PEOPLE])
    import_accounts(path=write("people", _parquet(people)), actor="ops", now=NOW)
    assert Account.objects.filter(joined_at=JOINED).count() == 3
    held = pa.Table.from_pylist([{**row, "since": JOINED.date()} for row in HELD])
    import_roles(path=write("roles", _parquet(held)), actor="ops", now=NOW)
    assert ProjectRole.objects.filter(since=JOINED.date()).count() == 3


FAULTS: dict[str, tuple[str, Any, str]] = {
    "a time without a zone": ("joined_at", "2014-02-03T00:00:00", "no time zone"),
    "a time to come": ("joined_at", (LATER + timedelta(minutes=6)).isoformat(), "yet to come"),
    "no such time": ("joined_at", "2014-13-03T00:00:00Z", "not a time"),
    "a username of other letters": ("username", "аda", "only look like them"),
    "a username in other capitals": ("username", "ADA", "already"),
    "no address": ("email", "bob at home", "not an email address"),
}


@pytest.mark.parametrize("written", FORMATS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", FAULTS)
def test_an_accounts_fault_is_named_alike_in_every_format(name: str, written: Format, write: Write) -> None:
    import_accounts(path=write("before", ACCOUNTS), actor="ops", now=NOW)
    field, value, words = FAULTS[name]
    rows = [PEOPLE[0], {**PEOPLE[1], field: value}, PEOPLE[2]]
    line, where, why = refused(import_accounts, write, written(rows))
    assert (line, where) == (FORMATS[written] + 1, field)
    assert words in why


ROLE_FAULTS: dict[str, tuple[str, Any, str]] = {
    "an unknown role": ("role", "Admin", "not a role"),
    "an unknown account": ("username", "nobody", "Import the accounts first"),
    "a username of other letters": ("username", "аda", "only look like them"),
    "a project of other letters": ("project", "bеta", "only look like them"),
    "a day to come": ("since", str(LATER.date() + timedelta(days=2)), "yet to come"),
    "no such day": ("since", "2019-02-30", "not a day"),
}


@pytest.mark.parametrize("written", FORMATS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("name", ROLE_FAULTS)
def test_a_roles_fault_is_named_alike_in_every_format(name: str, written: Format, write: Write) -> None:
    import_accounts(path=write("people", csv(PEOPLE)), actor="ops", now=NOW)
    import_roles(path=write("before", csv(HELD)), actor="ops", now=NOW)
    field, value, words = ROLE_FAULTS[name]
    rows = [HELD[0], {**HELD[1], field: value}, HELD[2]]
    line, where, why = refused(import_roles, write, written(rows))
    # Of a list whose accounts are looked up, JSON and Parquet count positions, CSV lines.
    assert (line, where) == (FORMATS[written] + 1, field)
    assert words in why


LISTS: dict[str, tuple[Importer, str]] = {
    "downloads": (import_downloads, DOWNLOADS),
    "accounts": (import_accounts, ACCOUNTS),
    "roles": (import_roles, ROLES),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_byte_order_mark_and_lines_of_windows_are_read_over(kind: str, write: Write) -> None:
    import_accounts(path=write("people", ACCOUNTS), actor="ops", now=NOW)
    importer, text = LISTS[kind]
    content = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    imported = importer(path=write("list", content), actor="ops", now=NOW)
    assert imported.snapshot.rows == text.count("\n") - 1


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize(
    ("spoil", "line", "words"),
    [
        (lambda text: gzip.compress(text.encode()), 1, "Unpack it if it is compressed"),
        (lambda text: text.encode("utf-16"), 1, "export it as UTF-8"),
        (lambda text: text.replace("alpha", "älpha").replace("ada@", "äda@").encode("latin-1"), 2, "UTF-8"),
        (lambda text: text.encode()[: text.index("\n") + 4], 2, "cells"),
        (lambda text: text.replace("\n", ",\n", 1).encode(), 2, "cells"),
        (lambda text: b"PAR1" + text.encode(), None, "Parquet file cannot be read"),
    ],
    ids=["gzip", "utf-16", "latin-1", "cut in a row", "a cell more in the header", "no Parquet"],
)
def test_a_spoilt_file_is_refused_and_the_roster_stays(
    kind: str, spoil: Callable[[str], bytes], line: int | None, words: str, write: Write
) -> None:
    for importer, text in (LISTS[one] for one in ("downloads", "accounts", "roles")):
        importer(path=write("before", text), actor="ops", now=NOW)
    importer, text = LISTS[kind]
    where, _, why = refused(importer, write, spoil(text))
    assert where == line
    assert words in why


@pytest.mark.parametrize(
    ("kind", "column"),
    [("downloads", "download_count"), ("accounts", "is_organization"), ("roles", "since")],
)
def test_a_column_that_stands_there_twice_is_refused(kind: str, column: str, write: Write) -> None:
    importer, text = LISTS[kind]
    header, rest = text.split("\n", 1)
    rows = rest.replace("\n", ",true\n")
    line, field, why = refused(importer, write, f"{header},{column}\n{rows}".encode())
    assert (line, field) == (1, column)
    assert "twice" in why
    names = [*header.split(","), column]
    line, field, _ = refused(importer, write, _parquet(pa.table([["x"]] * len(names), names=names)))
    assert field == column


def test_a_window_that_is_not_over_is_refused(write: Write) -> None:
    days = {"window_start": NOW.date(), "window_end": NOW.date() + timedelta(days=2)}
    with pytest.raises(InputErrors, match="is in the future"):
        import_downloads(path=write("list", DOWNLOADS), actor="ops", now=NOW, **days)
    assert not Snapshot.objects.exists()
