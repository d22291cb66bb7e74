"""Import download lists: one file, or the ranking of a window of daily files."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

from django.db import transaction

from common.errors import InputError
from roster.files.download_tables import as_parquet
from roster.files.downloads import KEPT_ROWS, KEPT_SHARE, read_downloads
from roster.files.source import Digested, SourceFile, read_source
from roster.files.windows import DailyWindow, Ranking, rank_window
from roster.models import Snapshot
from roster.services.snapshots import Imported, SnapshotWindow, lock_imports, receive_file

KIND = Snapshot.Kind.DOWNLOADS


def import_downloads(
    *,
    path: Path,
    actor: str,
    now: datetime,
    window_start: date | None = None,
    window_end: date | None = None,
) -> Imported:
    """Import a download list as a snapshot, completely or not at all.

    Args:   window_start, window_end: the days it counts over, both or neither.
    Locks:  imports of download lists.
    Raises: InputErrors: the file's errors, with line and field. SnapshotWindowDiffers.
    """
    window = _window(path, window_start, window_end, now)
    return load_downloads(source=read_source(path), window=window, actor=actor, now=now)


def load_downloads(*, source: SourceFile, window: SnapshotWindow, actor: str, now: datetime) -> Imported:
    """`import_downloads` from a file already read."""
    with ThreadPoolExecutor(max_workers=1) as another_core:
        # Computing the digest and reading take about the same time.
        digest = another_core.submit(lambda: source.sha256)
        listed = read_downloads(source)
        digest.result()
    with transaction.atomic(durable=True):
        lock_imports(KIND)
        snapshot, is_new = receive_file(
            kind=KIND,
            source=source,
            rows=listed.rows,
            actor=actor,
            now=now,
            window=window,
            content=listed.content,
        )
    added, unchanged = (listed.rows, 0) if is_new else (0, listed.rows)
    return Imported(snapshot, is_new, added=added, unchanged=unchanged)


def _window(path: Path, start: date | None, end: date | None, now: datetime) -> SnapshotWindow:
    if (start is None) != (end is None):
        raise InputError(
            path, "the window has a start or an end, but not both.", remedy="Give both dates or neither."
        )
    if start and end and start > end:
        raise InputError(path, f"the window starts on {start}, after it ends on {end}.")
    if end and is_future_day(end, now):
        raise InputError(path, f"the window ends on {end}, which is in the future.", field="window-end")
    return SnapshotWindow(start, end)


def is_future_day(day: date, now: datetime) -> bool:
    """Whether a day has not begun anywhere on earth."""
    return day > now.date() + timedelta(days=1)


def import_window(
    *, directory: Path, window: DailyWindow, actor: str, now: datetime
) -> tuple[Imported, Ranking]:
    """Sum a window of daily files and keep its upper part as a download list, like any other.

    Locks:  imports of download lists.
    Raises: InputErrors: days that are missing or cannot be read.
    """
    ranking = rank_window(directory=directory, window=window, keep_rows=KEPT_ROWS)
    if ranking.projects // KEPT_SHARE > KEPT_ROWS:
        ranking = rank_window(directory=directory, window=window, keep_rows=ranking.projects // KEPT_SHARE)
    source = Digested(name=f"{directory.name}/{window.start}..{window.end}"[:255], sha256=ranking.sha256)
    with transaction.atomic(durable=True):
        lock_imports(Snapshot.Kind.DOWNLOADS)
        snapshot, is_new = receive_file(
            kind=Snapshot.Kind.DOWNLOADS,
            source=source,
            rows=ranking.projects,
            actor=actor,
            now=now,
            window=SnapshotWindow(window.start, window.end),
            content=as_parquet(ranking.table),
        )
    added, unchanged = (ranking.projects, 0) if is_new else (0, ranking.projects)
    return Imported(snapshot, is_new, added=added, unchanged=unchanged), ranking
