"""Snapshots of imported files, and a receipt for each arrival."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from django.db import connection

from roster.errors import SnapshotWindowDiffers
from roster.files.source import Digested, SourceFile
from roster.models import Receipt, Snapshot


@dataclass(frozen=True)
class Imported:
    """The result of an import. `is_new` is False when the same file had been imported before."""

    snapshot: Snapshot
    is_new: bool
    added: int = 0
    changed: int = 0
    ended: int = 0
    unchanged: int = 0


@dataclass(frozen=True)
class SnapshotWindow:
    """The days a download list counts over, both included."""

    start: date | None = None
    end: date | None = None


def lock_imports(kind: Snapshot.Kind) -> None:
    """Let one import of a kind run at a time, until its transaction ends.

    Without it two imports would both compare their file with the roster as it was before either.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"roster import of {kind}"])


def lock_new_projects() -> None:
    """Let one transaction at a time create projects, until it ends; take it after the lock of the import."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('roster projects'))")


def receive_file(
    *,
    kind: Snapshot.Kind,
    source: SourceFile | Digested,
    rows: int,
    actor: str,
    now: datetime,
    window: SnapshotWindow | None = None,
    content: bytes | None = None,
) -> tuple[Snapshot, bool]:
    """Store the snapshot unless it exists, and a receipt; returns it and whether it is new.

    Raises: SnapshotWindowDiffers: the same file was imported before, for different days.
    """
    window = window or SnapshotWindow()
    snapshot = known_snapshot(kind=kind, source=source, window=window)
    is_new = snapshot is None
    if snapshot is None:
        snapshot = Snapshot(
            kind=kind,
            source=source.name,
            sha256=source.sha256,
            rows=rows,
            taken_at=now,
            imported_by=actor,
            window_start=window.start,
            window_end=window.end,
        )
        _store(snapshot, content)
    Receipt.objects.create(snapshot=snapshot, taken_at=now, imported_by=actor)
    return snapshot, is_new


def _store(snapshot: Snapshot, content: bytes | None) -> None:
    """Insert the snapshot with its table in binary; the ORM would send it as text."""
    values = [
        snapshot.kind,
        snapshot.source,
        snapshot.sha256,
        snapshot.rows,
        snapshot.taken_at,
        snapshot.imported_by,
        snapshot.window_start,
        snapshot.window_end,
        content,
    ]
    with _cursor() as cursor:
        row = cursor.execute(_INSERT, values).fetchone()
    assert row is not None, "the insert returns the new id"
    snapshot.pk = row[0]
    snapshot._state.adding = False


def snapshot_content(snapshot: Snapshot) -> bytes:
    """A download list's table."""
    with _cursor() as cursor:
        query = "SELECT content FROM roster_snapshot WHERE id = %s"
        row = cursor.execute(query, [snapshot.pk], binary=True).fetchone()
    assert row is not None, "the snapshot is stored"
    content: bytes = row[0]
    return content


_INSERT = """
    INSERT INTO roster_snapshot
        (kind, source, sha256, rows, taken_at, imported_by, window_start, window_end, content)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %b) RETURNING id
"""


def _cursor() -> psycopg.Cursor[tuple[Any, ...]]:
    """A cursor of the same connection and transaction that transfers bytes in binary format."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def known_snapshot(
    *, kind: Snapshot.Kind, source: SourceFile | Digested, window: SnapshotWindow
) -> Snapshot | None:
    """The snapshot of this exact file, if it was imported before."""
    snapshot = Snapshot.objects.defer("content").filter(kind=kind, sha256=source.sha256).first()
    recorded = SnapshotWindow(snapshot.window_start, snapshot.window_end) if snapshot else window
    if window != SnapshotWindow() and window != recorded:
        raise SnapshotWindowDiffers(source=source.name, start=recorded.start, end=recorded.end)
    return snapshot
