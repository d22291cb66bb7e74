"""Accounts and lists pushed by a package index, and the critical projects."""

import json
from pathlib import Path

from django.http import HttpRequest
from ninja import Body, Router
from ninja.responses import Status

from api.authentication import bearer_token
from api.paging import Cursor, Limit, decode_cursor, paginate
from api.responses import Username, answers, needs
from api.roster.schemas import AccountOut, ProjectListOut, SnapshotIn, SnapshotOut
from api.roster.serializers import serialize_import, serialize_project
from common import clock
from common.errors import BadRequest, FieldError, InputErrors
from roster.files.accounts import account_row
from roster.files.source import SourceFile
from roster.models import Account, Project
from roster.services.accounts import load_accounts, put_account
from roster.services.roles import load_roles
from roster.services.snapshots import SnapshotWindow

router = Router(tags=["roster"])


@router.put(
    "/accounts/{username}",
    response=answers(AccountOut),
    summary="Create or update an account",
    **needs("roster:write"),
)
def push_account(request: HttpRequest, username: Username, account: Body[dict[str, object]]) -> Account:
    """A changed two-factor state is added as a new observation.

    Fields as in an account list: email, email_verified, joined_at, has_totp, has_webauthn, is_organization.
    """
    try:
        row = account_row(username, account, clock.now())
    except InputErrors as error:
        raise _bad_rows(error, place="") from None
    return put_account(row=row, actor=bearer_token(request).actor, now=clock.now())


@router.post(
    "/snapshots",
    response=answers(SnapshotOut, status=201),
    summary="Import a complete list of downloads, roles or accounts",
    **needs("roster:write"),
)
def push_snapshot(request: HttpRequest, snapshot: SnapshotIn) -> Status[SnapshotOut]:
    """Imports the whole list or nothing. The same list sent again is the same snapshot.

    A list that would remove more of the roster than allowed is held for approval: 409 `list_held`.
    """
    # It imports Arrow, which is too slow to load at process start.
    from roster.services.downloads import is_future_day, load_downloads

    actor, now = bearer_token(request).actor, clock.now()
    # Sorted keys: the same rows are the same list, whatever their JSON formatting.
    data = json.dumps(snapshot.rows, sort_keys=True).encode()
    source = SourceFile(Path(snapshot.source), data)
    window = SnapshotWindow(snapshot.window_start, snapshot.window_end)
    if (window.start is None) != (window.end is None):
        raise BadRequest([FieldError("window_end", "half_a_window", "Give both dates or neither.")])
    if window.end is not None and is_future_day(window.end, now):
        raise BadRequest([FieldError("window_end", "in_the_future", "Give a date in the past.")])
    if window != SnapshotWindow() and snapshot.kind != "downloads":
        raise BadRequest(
            [FieldError("window_start", "no_window", "Only a list of downloads has a date range.")]
        )
    try:
        if snapshot.kind == "downloads":
            imported = load_downloads(source=source, window=window, actor=actor, now=now)
        elif snapshot.kind == "roles":
            imported = load_roles(source=source, actor=actor, now=now)
        else:
            imported = load_accounts(source=source, actor=actor, now=now)
    except InputErrors as error:
        raise _bad_rows(error, place="rows") from None
    return Status(201, serialize_import(imported))


def _bad_rows(error: InputErrors, *, place: str) -> BadRequest:
    found = []
    for problem in error.problems:
        row = f"{place}.{problem.line - 1}" if place and problem.line else place
        field = ".".join(part for part in (row, problem.field) if part)
        message = " ".join(part for part in (problem.problem, problem.remedy) if part)
        found.append(FieldError(field or "body", "invalid", message))
    return BadRequest(found)


@router.get(
    "/projects",
    response=answers(ProjectListOut),
    summary="List the critical projects",
    **needs("roster:read"),
)
def list_projects(request: HttpRequest, limit: Limit, cursor: Cursor) -> ProjectListOut:
    """By name, with the date and reasons each became critical, and later changes to it."""
    rows = Project.objects.critical().prefetch_related("designations", "events").order_by("normalized_name")
    if cursor:
        (after,) = decode_cursor(cursor, parts=1)
        rows = rows.filter(normalized_name__gt=after)
    shown, following = paginate(
        list(rows[: limit + 1]), limit=limit, cursor_of=lambda project: (project.normalized_name,)
    )
    return ProjectListOut(items=[serialize_project(project) for project in shown], next=following)
