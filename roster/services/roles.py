"""Import a role list."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.db.models.functions import Lower

from roster.files.faults import Faults
from roster.files.names import normalized
from roster.files.roles import RoleRow, read_roles
from roster.files.source import Source, read_source
from roster.models import Account, Project, ProjectRole, Snapshot
from roster.services.snapshots import Imported, lock_imports, lock_new_projects, receive
from roster.services.statistics import analyse

BATCH = 5_000
# A live role: the ids of its project and account, and which role.
Key = tuple[int, int, str]


def import_roles(*, path: Path, actor: str, now: datetime) -> Imported:
    """Make the roles on record those of the list; it is the full picture, so what it leaves out has ended.

    Locks:  imports of role lists.
    Raises: InputErrors: the file's faults, roles of unknown accounts among them, with line and field.
    """
    source = read_source(path)
    rows = read_roles(source)
    with transaction.atomic(durable=True):
        lock_imports(Snapshot.Kind.ROLES)
        lock_new_projects()
        accounts = _accounts(source, rows)
        projects = _projects(rows)
        snapshot, is_new = receive(
            kind=Snapshot.Kind.ROLES, source=source, rows=len(rows), actor=actor, now=now
        )
        listed = {
            (projects[normalized(row.project)], accounts[row.username.lower()], row.role): row for row in rows
        }
        added, changed, ended = _follow(listed, now)
        analyse(Project, ProjectRole, changed=added + ended)
    return Imported(snapshot, is_new, added, changed, ended, len(rows) - added - changed)


def _accounts(source: Source, rows: Iterable[RoleRow]) -> dict[str, int]:
    """The accounts' ids by username in lower case."""
    wanted = {row.username.lower() for row in rows}
    named = Account.objects.annotate(lower_username=Lower("username")).filter(lower_username__in=wanted)
    known: dict[str, int] = dict(named.values_list("lower_username", "pk"))
    faults = Faults(source)
    for row in rows:
        if row.username.lower() not in known:
            faults.add(
                f"there is no account {row.username} on the roster.",
                line=row.line,
                field="username",
                remedy="Import the accounts first.",
            )
    faults.raise_any()
    return known


def _projects(rows: Iterable[RoleRow]) -> dict[str, int]:
    """The projects' ids by normalised name; those not on record yet are created."""
    names: dict[str, str] = {}
    for row in rows:
        names.setdefault(normalized(row.project), row.project)
    new = [Project(normalized_name=key, name=name) for key, name in names.items()]
    known = set(Project.objects.filter(normalized_name__in=names).values_list("normalized_name", flat=True))
    Project.objects.bulk_create(
        [project for project in new if project.normalized_name not in known],
        batch_size=BATCH,
    )
    return dict(Project.objects.filter(normalized_name__in=names).values_list("normalized_name", "pk"))


def _follow(listed: dict[Key, RoleRow], now: datetime) -> tuple[int, int, int]:
    """Add, date and end roles until the live ones are those listed; how many of each."""
    live = {(role.project_id, role.account_id, role.role): role for role in ProjectRole.objects.live()}
    new = [
        ProjectRole(
            project_id=project,
            account_id=account,
            role=role,
            since=row.since,
            first_seen_on=now.date(),
        )
        for (project, account, role), row in listed.items()
        if (project, account, role) not in live
    ]
    ended = [role.pk for key, role in live.items() if key not in listed]
    redated = [role for key, role in live.items() if key in listed and role.since != listed[key].since]
    for role in redated:
        role.since = listed[role.project_id, role.account_id, role.role].since
    ProjectRole.objects.bulk_create(new, batch_size=BATCH)
    ProjectRole.objects.bulk_update(redated, ["since"], batch_size=BATCH)
    ProjectRole.objects.filter(pk__in=ended).update(ended_on=now.date())
    return len(new), len(redated), len(ended)
