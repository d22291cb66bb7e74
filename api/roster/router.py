"""What an index pushes, and which projects are critical."""

import json
from pathlib import Path
from typing import Any

from django.http import HttpRequest
from ninja import Body, Router
from ninja.responses import Status

from api.authentication import bearer_token
from api.paging import Cursor, Limit, decode_cursor, paginate
from api.responses import Username, answers, needs
from api.roster.schemas import AccountOut, ProjectListOut, SnapshotIn, SnapshotOut
from common import clock
from common.errors import BadRequest, FieldError, InputErrors
from roster.files.accounts import account_row
from roster.files.source import SourceFile
from roster.models import Account, Project
from roster.services.accounts import put_account, take_in_accounts
from roster.services.roles import take_in_roles
from roster.services.snapshots import Imported, SnapshotWindow

router = Router(tags=["roster"])


@router.put(
    "/accounts/{username}",
    response=answers(AccountOut),
    summary="An account as the index has it now",
    **needs("roster:write"),
)
def push_account(request: HttpRequest, username: Username, account: Body[dict[str, Any]]) -> Account:
    """The account is made or brought up to date; a new two-factor state is appended as an observation.

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
    summary="A whole list of downloads, roles or accounts",
    **needs("roster:write"),
)
def push_snapshot(request: HttpRequest, snapshot: SnapshotIn) -> Status[dict[str, Any]]:
    """All of it or nothing. The same list again is the same snapshot, received once more. One that takes away
    more of the roster than it may is held: 409 `list_held`."""
    # Arrow comes with it, which no process should pay for at its start.
    from roster.services.downloads import is_yet_to_come, take_in_downloads

    actor, now = bearer_token(request).actor, clock.now()
    # The same rows are the same list, however they were written.
    data = json.dumps(snapshot.rows, sort_keys=True).encode()
    source = SourceFile(Path(snapshot.source), data)
    window = SnapshotWindow(snapshot.window_start, snapshot.window_end)
    if (window.start is None) != (window.end is None):
        raise BadRequest([FieldError("window_end", "half_a_window", "Give both days or neither.")])
    if window.end is not None and is_yet_to_come(window.end, now):
        raise BadRequest([FieldError("window_end", "in_the_future", "Name days that are over.")])
    if window != SnapshotWindow() and snapshot.kind != "downloads":
        raise BadRequest([FieldError("window_start", "no_window", "Only downloads are counted over days.")])
    try:
        if snapshot.kind == "downloads":
            imported = take_in_downloads(source=source, window=window, actor=actor, now=now)
        elif snapshot.kind == "roles":
            imported = take_in_roles(source=source, actor=actor, now=now)
        else:
            imported = take_in_accounts(source=source, actor=actor, now=now)
    except InputErrors as error:
        raise _bad_rows(error, place="rows") from None
    return Status(201, _document(imported))


def _bad_rows(error: InputErrors, *, place: str) -> BadRequest:
    found = []
    for problem in error.problems:
        row = f"{place}.{problem.line - 1}" if place and problem.line else place
        field = ".".join(part for part in (row, problem.field) if part)
        message = " ".join(part for part in (problem.problem, problem.remedy) if part)
        found.append(FieldError(field or "body", "invalid", message))
    return BadRequest(found)


def _document(imported: Imported) -> dict[str, Any]:
    snapshot = imported.snapshot
    return {
        "kind": str(snapshot.kind),
        "source": snapshot.source,
        "sha256": snapshot.sha256,
        "rows": snapshot.rows,
        "is_new": imported.is_new,
        "taken_at": snapshot.taken_at,
        "added": imported.added,
        "changed": imported.changed,
        "ended": imported.ended,
        "unchanged": imported.unchanged,
    }


@router.get(
    "/projects", response=answers(ProjectListOut), summary="The critical projects", **needs("roster:read")
)
def list_projects(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """Since when and why each is critical, and what became of it, by name."""
    rows = Project.objects.critical().prefetch_related("designations", "events").order_by("normalized_name")
    if cursor:
        (after,) = decode_cursor(cursor, parts=1)
        rows = rows.filter(normalized_name__gt=after)
    shown, following = paginate(
        list(rows[: limit + 1]), limit=limit, cursor_of=lambda project: (project.normalized_name,)
    )
    return {"items": [_project(project) for project in shown], "next": following}


def _project(project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "normalized_name": project.normalized_name,
        "critical_since": project.critical_since,
        "reasons": sorted(project.designations.all(), key=lambda one: (one.designated_on, one.pk)),
        "flags": list(
            dict.fromkeys(event.kind for event in sorted(project.events.all(), key=lambda e: e.pk))
        ),
    }
