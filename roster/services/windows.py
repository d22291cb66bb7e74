"""Take in the ranking of a window of daily download files."""

from datetime import datetime
from pathlib import Path

from django.db import transaction

from roster.files.download_tables import as_parquet
from roster.files.downloads import KEPT_ROWS, KEPT_SHARE
from roster.files.source import Digested
from roster.files.windows import DailyWindow, Ranking, rank_window
from roster.models import Snapshot
from roster.services.snapshots import Imported, lock_imports, receive_file
from roster.services.snapshots import SnapshotWindow as Days


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
            window=Days(window.start, window.end),
            content=as_parquet(ranking.table),
        )
    added, unchanged = (ranking.projects, 0) if is_new else (0, ranking.projects)
    return Imported(snapshot, is_new, added=added, unchanged=unchanged), ranking
