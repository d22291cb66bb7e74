"""A window of daily download files, summed whole and slid by a day, against bare DuckDB over the same files.

    python -m benchmarks.roster_windows [--projects N] [--days N] [--directory D]

The first pass is compared with one query that sums and ranks all files; the slid window with one that sums
and ranks the one new day. Both rank down to one project in a hundred.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb

MOST_TIMES_FIRST, MOST_TIMES_SLID, MOST_MEMORY_GIB = 1.5, 2.0, 2.0
LAST_DAY = date(2022, 7, 1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--projects", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="keep the files here and use those that are there")
    parser.add_argument("--pass-over", metavar="END", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.pass_over:
        print_memory_of(options)
        return
    with TemporaryDirectory() as scratch:
        directory = options.directory or Path(scratch)
        made = generate(directory, options.projects, options.days + options.rounds)
        print(f"{options.projects:,} projects x {options.days} days, {made / 1e6:,.0f} MB in daily files")
        first_pass(directory, options)
        slides(directory, options)
        memory(directory, options)


def generate(directory: Path, projects: int, days: int) -> int:
    """Daily files in which each project has its own level and every day its own noise, in no order."""
    directory.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    size = 0
    for number in range(days):
        path = directory / f"{LAST_DAY - timedelta(days=days - 1 - number)}.parquet"
        if not path.exists():
            connection.execute(
                f"""
                COPY (
                    SELECT 'project-' || to_base((hash(n) % 100000000)::BIGINT, 36) || '-' || n AS project,
                        (1e7 / (n + 1) * (0.5 + (hash(n * 1000 + {number}) % 1000) / 1000) + 1)::BIGINT
                            AS download_count
                    FROM range({projects}) rows (n) ORDER BY hash(n)
                ) TO '{path}' (FORMAT parquet)
                """
            )
        size += path.stat().st_size
    return size


def first_pass(directory: Path, options: argparse.Namespace) -> None:
    from roster.files.windows import STATE

    end = LAST_DAY - timedelta(days=options.rounds)
    shutil.rmtree(directory / STATE, ignore_errors=True)
    bare = seconds(lambda: bare_query(window_files(directory, end, options.days), options.projects))
    ours = seconds(lambda: ranked(directory, end, options))
    print(
        f"first pass: bare DuckDB {bare:.2f} s; ranked {ours:.2f} s "
        f"-> {ours / bare:.2f} x (at most {MOST_TIMES_FIRST})"
    )


def slides(directory: Path, options: argparse.Namespace) -> None:
    bare, ours = [], []
    for day in range(options.rounds - 1, -1, -1):
        end = LAST_DAY - timedelta(days=day)
        bare.append(seconds(partial(bare_query, window_files(directory, end, 1), options.projects)))
        ours.append(seconds(partial(ranked, directory, end, options)))
    print(
        f"slid by a day: bare DuckDB over that day {median(bare):.2f} s; ranked {median(ours):.2f} s "
        f"-> {median(ours) / median(bare):.2f} x (at most {MOST_TIMES_SLID})"
    )


def memory(directory: Path, options: argparse.Namespace) -> None:
    """The peak of a process that makes the first pass and nothing else."""
    from roster.files.windows import STATE

    shutil.rmtree(directory / STATE, ignore_errors=True)
    words = [sys.executable, "-m", "benchmarks.roster_windows", "--pass-over", str(LAST_DAY)]
    sizes = ["--projects", str(options.projects), "--days", str(options.days), "--directory", str(directory)]
    run = subprocess.run([*words, *sizes], capture_output=True, text=True, check=True)
    print(f"peak memory: {int(run.stdout) / 1024**2:.2f} GiB (at most {MOST_MEMORY_GIB:.0f})")


def print_memory_of(options: argparse.Namespace) -> None:
    ranked(options.directory, date.fromisoformat(options.pass_over), options)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def ranked(directory: Path, end: date, options: argparse.Namespace) -> None:
    from roster.files.windows import DailyWindow, rank_window

    rank_window(
        directory=directory, window=DailyWindow.ending(end, options.days), keep_rows=options.projects // 100
    )


def bare_query(paths: list[str], projects: int) -> None:
    connection = duckdb.connect()
    connection.execute(
        """
        SELECT project, sum(download_count) AS downloads FROM read_parquet(?)
        GROUP BY project ORDER BY downloads DESC LIMIT ?
        """,
        [paths, projects // 100],
    ).fetchall()
    connection.close()


def window_files(directory: Path, end: date, days: int) -> list[str]:
    return [str(directory / f"{end - timedelta(days=n)}.parquet") for n in range(days)]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
