"""Imported lists and critical projects as API responses."""

from api.roster.schemas import CriticalReasonOut, ProjectOut, SnapshotOut
from roster.models import Project
from roster.services.snapshots import Imported


def serialize_import(imported: Imported) -> SnapshotOut:
    """The snapshot of an imported list and what it changed."""
    snapshot = imported.snapshot
    return SnapshotOut(
        kind=str(snapshot.kind),
        source=snapshot.source,
        sha256=snapshot.sha256,
        rows=snapshot.rows,
        is_new=imported.is_new,
        taken_at=snapshot.taken_at,
        added=imported.added,
        changed=imported.changed,
        ended=imported.ended,
        unchanged=imported.unchanged,
    )


def serialize_project(project: Project) -> ProjectOut:
    """A critical project, read with its designations and events."""
    designations = sorted(project.designations.all(), key=lambda one: (one.designated_on, one.pk))
    events = sorted(project.events.all(), key=lambda event: event.pk)
    assert project.critical_since is not None, "the project is critical"
    return ProjectOut(
        name=project.name,
        normalized_name=project.normalized_name,
        critical_since=project.critical_since,
        reasons=[CriticalReasonOut.model_validate(designation) for designation in designations],
        flags=list(dict.fromkeys(event.kind for event in events)),
    )
