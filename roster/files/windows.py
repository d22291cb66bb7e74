"""Download windows: daily Parquet files summed over months, and moved by a day without reading all again.

A directory has `YYYY-MM-DD.parquet` files with `project` and `download_count`, one row for each project. The
sums of the last window are kept beside them, by a 64-bit hash of the name: to move by a day, that day is
added and the oldest subtracted, and nothing else is read. Names are looked up only for the top.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import InputError, InputErrors, Problem
from roster.files.download_tables import SCHEMA
from roster.files.names import is_project_name

STATE = ".keydesk-window"
# Part of the 2 GiB that ranking a window may take; the sums of a million projects are 16 MB.
MEMORY_LIMIT = "1500MB"
COLUMNS = ("project", "download_count")
Sums = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class DailyWindow:
    """The days of the window, both ends included."""

    start: date
    end: date

    @classmethod
    def ending(cls, end: date, days: int) -> "DailyWindow":
        return cls(end - timedelta(days=days - 1), end)

    @property
    def days(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Ranking:
    """The most downloaded projects of a window.

    `projects` counts all with downloads; `sha256` is over the digests of the daily files;
    `days_read` is how many of them were read.
    """

    window: DailyWindow
    projects: int
    table: pa.Table
    sha256: str
    days_read: int


@dataclass
class _Kept:
    """The previous window: its days with their files' size, time and digest."""

    days: dict[str, list[Any]]
    version: str = duckdb.__version__


def rank_window(*, directory: Path, window: DailyWindow, keep_rows: int) -> Ranking:
    """Sum the days of a window and rank the projects, without reading again what was summed before.

    Args:   keep_rows: number of most downloaded projects wanted; ties with the last are included.
    Raises: InputErrors: days without a file, or with an unusable one.
    """
    files = {day: directory / f"{day.isoformat()}.parquet" for day in window.days}
    if missing := [day for day, path in files.items() if not path.is_file()]:
        raise InputErrors(
            directory,
            [
                Problem(f"there is no file for {day}.", remedy=f"Export {files[day].name}.")
                for day in missing[:20]
            ],
        )
    connection = duckdb.connect()
    try:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = false")
        return _rank(connection, directory, window, files, keep_rows)
    except duckdb.Error as error:
        raise InputError(directory, f"the files cannot be summed: {error}.") from None
    finally:
        connection.close()


def _rank(
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
    window: DailyWindow,
    files: dict[date, Path],
    keep_rows: int,
) -> Ranking:
    kept, sums = _kept(directory)
    known = {day.isoformat(): _known(kept, day, path) for day, path in files.items()}
    new = [day for day in files if known[day.isoformat()] is None]
    gone = [date.fromisoformat(day) for day in kept.days if date.fromisoformat(day) not in files]
    can_slide = sums is not None and _can_slide(kept, directory, new, gone, len(files))
    added, removed = (new, gone) if can_slide else (list(files), [])
    for day in added:
        known[day.isoformat()] = _checked(files[day])
    _sum(
        connection,
        sums if can_slide else None,
        [files[day] for day in added],
        [directory / f"{day.isoformat()}.parquet" for day in removed],
    )
    names = directory / STATE / "names.parquet"
    known_names = names if can_slide and names.is_file() else None
    top = _top(connection, keep_rows, [files[day] for day in reversed(window.days)], known_names)
    projects = _keep(connection, directory, {day: known[day] for day in sorted(known)})
    digest = hashlib.sha256("\n".join(f"{day} {known[day][2]}" for day in sorted(known)).encode()).hexdigest()  # type: ignore[index]
    return Ranking(window, projects, top, digest, len(added) + len(removed))


def _can_slide(kept: _Kept, directory: Path, new: Sequence[date], gone: Sequence[date], days: int) -> bool:
    """Whether sliding is cheaper than summing all, and the files to subtract are unchanged."""
    if kept.version != duckdb.__version__ or len(new) + len(gone) >= days:
        return False
    # A changed file cannot be subtracted: its earlier content is unknown.
    if any(day.isoformat() in kept.days for day in new):
        return False
    return all(_known(kept, day, directory / f"{day.isoformat()}.parquet") for day in gone)


def _known(kept: _Kept, day: date, path: Path) -> list[Any] | None:
    """A day's size, time and digest, if the file is the one that was summed."""
    entry = kept.days.get(day.isoformat())
    if entry is None or not path.is_file():
        return None
    stat = path.stat()
    return entry if entry[:2] == [stat.st_size, stat.st_mtime_ns] else None


def _checked(path: Path) -> list[Any]:
    """A day's size, time and digest. Raises: InputError: not such a file."""
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError):
        raise InputError(path, "this Parquet file cannot be read.", remedy="Export it again.") from None
    for name in COLUMNS:
        if schema.names.count(name) != 1:
            raise InputError(path, "unknown column.", line=1, field=name)
    if not pa.types.is_integer(schema.field("download_count").type):
        raise InputError(path, "the counts are not whole numbers.", field="download_count")
    if metadata.num_rows == 0:
        raise InputError(path, "there is not a single project in it.", remedy="Export it again.")
    if not _says_that_all_is_well(metadata, schema.names) and (bad := _what_is_bad(path)):
        raise InputErrors(path, bad)
    stat = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return [stat.st_size, stat.st_mtime_ns, digest]


def _says_that_all_is_well(metadata: pq.FileMetaData, names: list[str]) -> bool:
    """Whether the file's statistics rule out nulls and negative counts; some writers have none."""
    for group in range(metadata.num_row_groups):
        for name in COLUMNS:
            found = metadata.row_group(group).column(names.index(name)).statistics
            if found is None or not found.has_null_count or found.null_count:
                return False
            if name == "download_count" and not (found.has_min_max and found.min >= 0):
                return False
    return True


def _what_is_bad(path: Path) -> list[Problem]:
    found = duckdb.execute(
        f"""
        SELECT file_row_number + 1, project IS NULL
        FROM read_parquet({_quoted([path])}, file_row_number = true)
        WHERE project IS NULL OR download_count IS NULL OR download_count < 0
        ORDER BY 1 LIMIT 20
        """  # noqa: S608 - paths are quoted
    ).fetchall()
    return [
        Problem(
            "there is no name." if unnamed else "this is not a whole number from 0 on.",
            line=row,
            field="project" if unnamed else "download_count",
        )
        for row, unnamed in found
    ]


def _sum(
    connection: duckdb.DuckDBPyConnection, sums: Sums | None, added: list[Path], removed: list[Path]
) -> None:
    """Fill the table `totals` (key, downloads)."""
    parts = [_day_rows(paths, sign) for paths, sign in ((added, ""), (removed, "-")) if paths]
    if sums is not None:
        connection.register("kept", pa.table({"key": sums[0], "downloads": sums[1]}))
        parts.append("SELECT key, downloads FROM kept")
    # Drop projects without downloads in the window.
    connection.execute(
        f"""
        CREATE TEMP TABLE totals AS
        SELECT key, sum(downloads)::BIGINT AS downloads
        FROM ({" UNION ALL ".join(parts)}) GROUP BY key HAVING sum(downloads) > 0
        """  # noqa: S608 - paths are quoted
    )


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    # Fetch all rows: an unfinished result keeps the connection busy.
    return int(connection.execute(query).fetchall()[0][0] or 0)


def _day_rows(paths: list[Path], sign: str) -> str:
    rows = f"SELECT hash(project) AS key, {sign}download_count::BIGINT AS downloads"
    return f"{rows} FROM read_parquet({_quoted(paths)})"


def _quoted(paths: list[Path]) -> str:
    return "[" + ", ".join(f"'{_escaped(path)}'" for path in paths) + "]"


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def _top(
    connection: duckdb.DuckDBPyConnection, keep_rows: int, newest_first: list[Path], known_names: Path | None
) -> pa.Table:
    """The most downloaded projects with their names, looked up by day, newest first.

    Args: known_names: names of the previous window; few are new each day.
    """
    connection.execute(
        f"""
        CREATE TEMP TABLE top AS SELECT key, downloads FROM totals WHERE downloads >= coalesce(
            (SELECT downloads FROM totals ORDER BY downloads DESC LIMIT 1 OFFSET {keep_rows - 1}), 1
        )
        """  # noqa: S608 - a number
    )
    connection.execute("CREATE TEMP TABLE named (key UBIGINT, project VARCHAR, names BIGINT)")
    if known_names is not None:
        known = f"SELECT key, project, 1 FROM read_parquet({_quoted([known_names])})"  # noqa: S608
        connection.execute(f"INSERT INTO named {known} WHERE key IN (SELECT key FROM top)")  # noqa: S608
    for path in newest_first:
        if not _number(connection, "SELECT count(*) FROM top ANTI JOIN named USING (key)"):
            break
        connection.execute(
            f"""
            INSERT INTO named
            SELECT top.key, min(project), count(DISTINCT project)
            FROM read_parquet({_quoted([path])}) day JOIN top ON hash(day.project) = top.key
            WHERE top.key NOT IN (SELECT key FROM named) GROUP BY top.key
            """  # noqa: S608 - paths are quoted
        )
    table: pa.Table = connection.sql(
        "SELECT project, downloads FROM top JOIN named USING (key) ORDER BY downloads DESC, project"
    ).to_arrow_table()
    table = table.cast(SCHEMA)
    bad = [name for name in table["project"].to_pylist() if not is_project_name(name)]
    doubled = _number(connection, "SELECT count(*) FROM named WHERE names > 1")
    if bad or doubled:
        raise InputError(
            newest_first[0],
            f"{ascii(bad[0]) if bad else 'a hash'} is not one project's name.",
            field="project",
        )
    return table


def _keep(connection: duckdb.DuckDBPyConnection, directory: Path, days: Mapping[str, object]) -> int:
    """Save the sums for the next window; returns the number of projects."""
    sums = connection.execute("SELECT key, downloads FROM totals").fetchnumpy()
    state = directory / STATE
    state.mkdir(exist_ok=True)
    # The description is written last, so that sums left by a crash have none and are not used.
    (state / "window.json").unlink(missing_ok=True)
    connection.execute(f"COPY (SELECT key, project FROM named) TO '{_escaped(state)}/names.parquet'")  # noqa: S608
    np.save(state / "keys.npy", np.asarray(sums["key"], np.uint64))
    np.save(state / "downloads.npy", np.asarray(sums["downloads"], np.int64))
    description = json.dumps({"version": duckdb.__version__, "days": days})
    (state / "window.json").write_text(description, encoding="utf-8")
    return len(sums["key"])


def _kept(directory: Path) -> tuple[_Kept, Sums | None]:
    """The sums of the previous window; None if there are none that can be read."""
    state = directory / STATE
    try:
        described = json.loads((state / "window.json").read_text(encoding="utf-8"))
        sums = np.load(state / "keys.npy"), np.load(state / "downloads.npy")
        kept = _Kept(dict(described["days"]), str(described["version"]))
    except (OSError, ValueError, KeyError, TypeError):
        return _Kept({}), None
    if len(sums[0]) != len(sums[1]):
        return _Kept({}), None
    return kept, sums
