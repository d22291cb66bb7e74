"""Events of projects on the index: deleted, recreated, renamed, handed over. All stay critical."""

from datetime import datetime

from django.db import transaction

from common.errors import BadRequest, FieldError
from roster.errors import UnknownProject
from roster.files.names import is_project_name, normalized
from roster.models import Designation, Project, ProjectEvent
from roster.services.snapshots import lock_new_projects
from roster.services.staging import apply_change


def append_project_events(*, actor: str, now: datetime) -> int:
    """Append the project events implied by the staged role list (`listed_role`); returns their number.

    A project with live roles that is not listed was deleted. A listed one with ended roles only was
    recreated. One whose owners have all changed was transferred.
    """
    return apply_change(
        """
        INSERT INTO roster_projectevent (project_id, kind, "on", note, recorded_by, recorded_at)
        SELECT project_id, kind, %(today)s, '', %(actor)s, %(now)s
        FROM (
            SELECT coalesce(before.project_id, listed.project_id) AS project_id,
                CASE
                    WHEN listed.project_id IS NULL THEN CASE WHEN before.is_live THEN 'deleted' END
                    WHEN NOT before.is_live THEN 'recreated'
                    WHEN before.owners IS NOT NULL AND listed.owners IS NOT NULL
                        AND NOT before.owners && listed.owners THEN 'transferred'
                END AS kind
            FROM (
                SELECT project_id, bool_or(ended_on IS NULL) AS is_live,
                    array_agg(account_id) FILTER (WHERE role = 'Owner' AND ended_on IS NULL) AS owners
                FROM roster_projectrole GROUP BY project_id
            ) before
            LEFT JOIN (
                SELECT project_id, array_agg(account_id) FILTER (WHERE role = 'Owner') AS owners
                FROM listed_role GROUP BY project_id
            ) listed USING (project_id)
        ) found
        WHERE kind IS NOT NULL
        ORDER BY project_id
        """,
        {"today": now.date(), "actor": actor, "now": now},
    )


def rename_project(*, name: str, new_name: str, note: str, actor: str, now: datetime) -> Project:
    """Transfer a project's status to its new name; both stay critical, and both record the rename.

    Locks:  new projects.
    Raises: UnknownProject. BadRequest: an invalid new name, or the same name in another spelling.
    """
    if not is_project_name(new_name):
        raise BadRequest([FieldError("new_name", "invalid", "Not a valid project name.")])
    if normalized(new_name) == normalized(name):
        raise BadRequest([FieldError("new_name", "same_name", "This is the same name in another spelling.")])
    with transaction.atomic():
        lock_new_projects()
        old = _known(name)
        new, _ = Project.objects.get_or_create(
            normalized_name=normalized(new_name), defaults={"name": new_name}
        )
        if old.critical_since is not None and new.critical_since is None:
            new.critical_since = old.critical_since
            new.save(update_fields=["critical_since"])
        if old.critical_since is not None:
            Designation.objects.get_or_create(
                project=new,
                reason=Designation.Reason.INHERITED,
                defaults={
                    "designated_on": old.critical_since,
                    "note": f"renamed from {old.name}",
                    "designated_by": actor,
                },
            )
        ProjectEvent.objects.create(
            project=old,
            kind=ProjectEvent.Kind.RENAMED,
            on=now.date(),
            successor=new,
            note=note[:255],
            recorded_by=actor,
            recorded_at=now,
        )
    return new


def designate_by_hand(*, name: str, reason: str, actor: str, now: datetime) -> Designation:
    """Designate a project critical for a stated reason, which its page shows; permanent like any other.

    Locks:  new projects.
    Raises: BadRequest: no reason, or an invalid name.
    """
    problems = []
    if not is_project_name(name):
        problems.append(FieldError("name", "invalid", "Not a valid project name."))
    if not reason.strip() or len(reason) > 255:
        problems.append(
            FieldError("reason", "required", "Enter a reason of up to 255 characters. It is public.")
        )
    if problems:
        raise BadRequest(problems)
    with transaction.atomic():
        lock_new_projects()
        project, _ = Project.objects.get_or_create(
            normalized_name=normalized(name), defaults={"name": name, "critical_since": now.date()}
        )
        if project.critical_since is None:
            project.critical_since = now.date()
            project.save(update_fields=["critical_since"])
        designation, _ = Designation.objects.get_or_create(
            project=project,
            reason=Designation.Reason.BY_HAND,
            defaults={"designated_on": now.date(), "note": reason.strip(), "designated_by": actor},
        )
    return designation


def _known(name: str) -> Project:
    project = Project.objects.filter(normalized_name=normalized(name)).first()
    if project is None:
        raise UnknownProject(name)
    return project
