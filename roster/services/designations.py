"""Designate the critical projects."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from django.db import connection, transaction

from roster.errors import CohortTooLarge, NoDownloads
from roster.files.columns import NameColumn
from roster.files.download_tables import TopProjects, download_rows, top_projects
from roster.files.names import normalized
from roster.models import Designation, Project, Snapshot
from roster.services.snapshots import lock_imports, lock_new_projects, snapshot_content


@dataclass(frozen=True)
class DesignationResult:
    """The cutoff and the changes of a designation.

    `kept` were critical before and stay, `fallen` of them below the cutoff; `in_cohort` is larger than
    `cohort_size` when projects are level at the cutoff; `critical` counts all there are now.
    """

    snapshot_id: int
    total_projects: int
    cohort_size: int
    cutoff_rank: int
    cutoff_downloads: int
    in_cohort: int
    always: int
    added: int
    kept: int
    fallen: int
    critical: int


def designate_critical(
    *,
    actor: str,
    now: datetime,
    top_percent: Decimal | None = None,
    cohort_size: int | None = None,
    total_projects: int | None = None,
    always: Iterable[str] = (),
) -> DesignationResult:
    """Designate the most downloaded projects of the last list, and those always critical.

    Designations are permanent: a project that falls in downloads stays critical and keeps its date.

    Args:   top_percent: of `total_projects`, rounded up; 1 unless a cohort size is given.
            cohort_size: how many projects instead; projects tied with the last are included.
            total_projects: of the whole index, when the list is only its top; else the list's length.
            always: projects critical whatever their downloads: the index's own dependencies.
    Locks:  imports of download lists, so that one designation runs at a time; new projects.
    Raises: NoDownloads, CohortTooLarge.
    """
    with transaction.atomic(durable=True):
        lock_imports(Snapshot.Kind.DOWNLOADS)
        lock_new_projects()
        snapshot = Snapshot.objects.latest_of(Snapshot.Kind.DOWNLOADS)
        if snapshot is None:
            raise NoDownloads
        total = snapshot.rows if total_projects is None else total_projects
        size = cohort_size or math.ceil(total * Fraction(top_percent or Decimal(1)) / 100)
        if not 1 <= size <= snapshot.rows:
            raise CohortTooLarge(cohort_size=size, listed=snapshot.rows)
        content = snapshot_content(snapshot)
        if size > (kept := download_rows(content)):
            raise CohortTooLarge(cohort_size=size, listed=snapshot.rows, kept=kept)
        top = top_projects(content, size)
        names = dict(zip(NameColumn(top.names).normalized().to_pylist(), top.names.to_pylist(), strict=True))
        by_rule = {normalized(name): name for name in always}
        before = set(Project.objects.critical().values_list("normalized_name", flat=True))
        critical = {**by_rule, **names}
        _make_critical({name: critical[name] for name in sorted(critical.keys() - before)}, now)
        _designate(names, top, snapshot, actor, now)
        _designate_always(by_rule, actor, now)
    return DesignationResult(
        snapshot_id=snapshot.pk,
        total_projects=total,
        cohort_size=size,
        cutoff_rank=size,
        cutoff_downloads=top.cutoff_downloads,
        in_cohort=len(names),
        always=len(by_rule),
        added=len(critical.keys() - before),
        kept=len(before),
        fallen=len(before - critical.keys()),
        critical=len(before | critical.keys()),
    )


def _make_critical(names: Mapping[str, str], now: datetime) -> None:
    """Mark the projects of these normalised names critical, creating those that have no row.

    Projects are locked against concurrent creation, so `ON CONFLICT` is not needed, which for thousands of
    rows takes as long as all the rest.
    """
    values: dict[str, date | str] = {
        "today": now.date(),
        "normalized": _array(names.keys()),
        "names": _array(names.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE roster_project SET critical_since = %(today)s
            WHERE normalized_name = ANY (string_to_array(%(normalized)s, ' ')) AND critical_since IS NULL
            """,
            values,
        )
        cursor.execute(
            """
            INSERT INTO roster_project (normalized_name, name, critical_since)
            SELECT normalized_name, name, %(today)s
            FROM unnest(string_to_array(%(normalized)s, ' '), string_to_array(%(names)s, ' '))
                AS new (normalized_name, name)
            WHERE NOT EXISTS (
                SELECT FROM roster_project known WHERE known.normalized_name = new.normalized_name
            )
            """,
            values,
        )


def _designate(names: Iterable[str], top: TopProjects, snapshot: Snapshot, actor: str, now: datetime) -> None:
    """Append designations by downloads for projects that have none yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO roster_designation
                (project_id, reason, designated_on, rank, downloads, snapshot_id, note, designated_by)
            SELECT
                project.id, 'top_downloads', %(today)s, new.rank, new.downloads, %(snapshot)s, '', %(actor)s
            FROM unnest(
                string_to_array(%(normalized)s, ' '),
                string_to_array(%(ranks)s, ' ')::integer[],
                string_to_array(%(downloads)s, ' ')::bigint[]
            ) AS new (normalized_name, rank, downloads)
            JOIN roster_project project USING (normalized_name)
            WHERE NOT EXISTS (
                SELECT FROM roster_designation known
                WHERE known.project_id = project.id AND known.reason = 'top_downloads'
            )
            """,
            {
                "today": now.date(),
                "snapshot": snapshot.pk,
                "actor": actor,
                "normalized": _array(names),
                "ranks": _array(top.ranks),
                "downloads": _array(top.downloads),
            },
        )


def _array(values: Iterable[object]) -> str:
    """Values for `string_to_array`: thousands of names and numbers travel faster as one text.

    No project's name has a space in it.
    """
    return " ".join(map(str, values))


def _designate_always(names: Iterable[str], actor: str, now: datetime) -> None:
    Designation.objects.bulk_create(
        [
            Designation(
                project=project,
                reason=Designation.Reason.ALWAYS,
                designated_on=now.date(),
                designated_by=actor,
            )
            for project in Project.objects.filter(normalized_name__in=list(names))
        ],
        ignore_conflicts=True,
    )
