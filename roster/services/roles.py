"""Import a role list."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.db import transaction

from roster.errors import ListHeld
from roster.files.error_collector import FileErrors
from roster.files.names import normalized
from roster.files.roles import RoleRow, read_roles
from roster.files.source import SourceFile, read_source
from roster.models import Project, ProjectRole, Snapshot
from roster.services.import_approvals import hold_list
from roster.services.projects import append_project_events
from roster.services.snapshots import Imported, lock_imports, lock_new_projects, receive_file
from roster.services.staging import analyze_tables, apply_change, drop_staged, rows_of, stage


def import_roles(*, path: Path, actor: str, now: datetime) -> Imported:
    """Replace the roles by those of the list; it is complete, so roles that it omits have ended.

    Locks:  imports of role lists; new projects.
    Raises: InputErrors: the file's errors, with line and field, including roles of unknown accounts.
            ListHeld: it would end more than the allowed share of the roles; only the hold is recorded.
    """
    return load_roles(source=read_source(path), actor=actor, now=now)


def load_roles(*, source: SourceFile, actor: str, now: datetime) -> Imported:
    """`import_roles` from a file already read."""
    rows = read_roles(source, now)
    with transaction.atomic(durable=True):
        lock_imports(Snapshot.Kind.ROLES)
        lock_new_projects()
        _stage(rows)
        _refuse_unknown_accounts(source)
        live, kept = rows_of(_LIVE_AND_KEPT)[0]
        held = hold_list(
            kind=Snapshot.Kind.ROLES,
            source=source,
            rows=len(rows),
            rows_before=live,
            kept=kept,
            actor=actor,
            now=now,
        )
        if held is None:
            snapshot, is_new = receive_file(
                kind=Snapshot.Kind.ROLES, source=source, rows=len(rows), actor=actor, now=now
            )
            added, changed, ended = _follow(has_before=live > 0, actor=actor, now=now)
            analyze_tables(Project, ProjectRole, changed=added + ended)
        drop_staged("listed_role")
    if held is not None:
        raise ListHeld(
            source=source.name, sha256=source.sha256, kind="roles", rows=len(rows), rows_before=live
        )
    return Imported(snapshot, is_new, added, changed, ended, len(rows) - added - changed)


def _stage(rows: Sequence[RoleRow]) -> None:
    """Stage the list with the ids of its accounts, and of known projects and live roles."""
    columns = {
        "line": "integer",
        "normalized_name": "text",
        "name": "text",
        "username": "text",
        "role": "text",
        "since": "date",
    }
    values = (
        (row.line, normalized(row.project), row.project, row.username, row.role, row.since) for row in rows
    )
    stage("read_role", columns, values)
    apply_change(
        """
        CREATE TEMPORARY TABLE listed_role ON COMMIT DROP AS
        SELECT
            listed.*, account.id AS account_id, project.id AS project_id,
            live.id AS role_id, live.since AS was_since
        FROM read_role listed
        LEFT JOIN roster_account account ON lower(account.username) = lower(listed.username)
        LEFT JOIN roster_project project ON project.normalized_name = listed.normalized_name
        LEFT JOIN roster_projectrole live
            ON live.project_id = project.id AND live.account_id = account.id
            AND live.role = listed.role AND live.ended_on IS NULL
        """
    )
    apply_change("DROP TABLE read_role")


def _refuse_unknown_accounts(source: SourceFile) -> None:
    faults = FileErrors(source)
    for line, username in rows_of(
        "SELECT line, username FROM listed_role WHERE account_id IS NULL ORDER BY line LIMIT 21"
    ):
        faults.add(
            f"there is no account {username} on the roster.",
            line=line,
            field="username",
            remedy="Import the accounts first.",
        )
    faults.raise_any()


# How many roles there are now, and how many of them the list keeps.
_LIVE_AND_KEPT = """
    SELECT
        (SELECT count(*) FROM roster_projectrole WHERE ended_on IS NULL),
        (SELECT count(role_id) FROM listed_role)
"""


def _follow(*, has_before: bool, actor: str, now: datetime) -> tuple[int, int, int]:
    """Add, date and end roles so that the live ones match the list; returns the counts."""
    today = {"today": now.date()}
    apply_change(_NEW_PROJECTS)
    apply_change(
        """
        UPDATE listed_role listed SET project_id = project.id FROM roster_project project
        WHERE listed.project_id IS NULL AND project.normalized_name = listed.normalized_name
        """
    )
    if has_before:
        append_project_events(actor=actor, now=now)
    changed = apply_change(_REDATED)
    ended = apply_change(_ENDED, today)
    added = apply_change(_ADDED, today)
    return added, changed, ended


# The first spelling in the list is the project's.
_NEW_PROJECTS = """
    INSERT INTO roster_project (normalized_name, name)
    SELECT DISTINCT ON (normalized_name) normalized_name, name FROM listed_role
    WHERE project_id IS NULL ORDER BY normalized_name, line
"""
_REDATED = """
    UPDATE roster_projectrole role SET since = listed.since FROM listed_role listed
    WHERE listed.role_id = role.id AND listed.was_since IS DISTINCT FROM listed.since
"""
_ENDED = """
    UPDATE roster_projectrole role SET ended_on = %(today)s
    WHERE role.ended_on IS NULL
        AND NOT EXISTS (SELECT FROM listed_role listed WHERE listed.role_id = role.id)
"""
_ADDED = """
    INSERT INTO roster_projectrole (project_id, account_id, role, since, first_seen_on)
    SELECT project_id, account_id, role, since, %(today)s FROM listed_role WHERE role_id IS NULL
    ORDER BY line
"""
