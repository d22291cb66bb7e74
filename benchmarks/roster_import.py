"""Importing a download list and designating from it, as a ratio of pandas reading the same file.

    python -m benchmarks.roster_import [--projects N] [--rounds N]

Every round starts from an empty roster and measures, in this process, `pandas.read_csv` of the file, then
`import_downloads` and the first `designate_critical` of its top 1 %, the dearest there is: all its projects
are new. Then the same as whole processes: the two commands against a Python that imports pandas and reads.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
DATABASE = "keydesk_bench_roster"
MOST_TIMES_PANDAS = 3
MOST_MEMORY_MIB = 1024


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--projects", type=int, default=700_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory, scratch_database():
        from sandbox.synthetic_index import generate_index

        path = generate_index(seed=1, directory=Path(directory), projects=options.projects).downloads
        print(f"{options.projects:,} projects, {path.stat().st_size / 1e6:.1f} MB")
        in_process(path, options.rounds)
        memory(path)
        as_commands(path, max(3, options.rounds // 2))


def in_process(path: Path, rounds: int) -> None:
    import pandas as pd

    from roster.services.designations import designate_critical
    from roster.services.downloads import import_downloads

    pandas, imports, designations = [], [], []
    for _ in range(rounds):
        empty()
        pandas.append(seconds(lambda: pd.read_csv(path)))
        imports.append(seconds(lambda: import_downloads(path=path, actor="bench", now=NOW)))
        designations.append(seconds(lambda: designate_critical(actor="bench", now=NOW)))
    ours = median(a + b for a, b in zip(imports, designations, strict=True))
    print(
        f"in one process: pandas {median(pandas) * 1000:.0f} ms; "
        f"import {median(imports) * 1000:.0f} ms, designate {median(designations) * 1000:.0f} ms "
        f"-> {ours / median(pandas):.1f} x (at most {MOST_TIMES_PANDAS})"
    )


def memory(path: Path) -> None:
    """The peak of a process that does nothing else."""
    empty()
    code = (
        "import django, pathlib, resource; django.setup();"
        "from roster.services.downloads import import_downloads;"
        "from roster.services.designations import designate_critical;"
        "from common import clock;"
        f"import_downloads(path=pathlib.Path({str(path)!r}), actor='bench', now=clock.now());"
        "designate_critical(actor='bench', now=clock.now());"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    print(f"peak memory: {int(run.stdout) / 1024:.0f} MiB (at most {MOST_MEMORY_MIB})")


def as_commands(path: Path, rounds: int) -> None:
    reading = [sys.executable, "-c", f"import pandas; pandas.read_csv({str(path)!r})"]
    importing = [sys.executable, "manage.py", "import_downloads", str(path)]
    designating = [sys.executable, "manage.py", "designate_critical"]
    pandas, commands = [], []
    for _ in range(rounds):
        empty()
        pandas.append(seconds(lambda: command(reading)))
        commands.append(seconds(lambda: command(importing)) + seconds(lambda: command(designating)))
    print(
        f"as processes: pandas {median(pandas):.2f} s; the two commands {median(commands):.2f} s "
        f"-> {median(commands) / median(pandas):.1f} x"
    )


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def command(words: list[str]) -> None:
    subprocess.run(words, env=environment(), check=True, capture_output=True)


def environment() -> dict[str, str]:
    """The environment of a process that uses the scratch database."""
    from django.conf import settings

    url = os.environ.get("DATABASE_URL", "") or settings.ENVIRONMENT.database_url
    scratch = {"DATABASE_URL": f"{url.rsplit('/', 1)[0]}/{DATABASE}"} if url else {"DATABASE_NAME": DATABASE}
    return {**os.environ, **scratch}


def empty() -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        # Other rooms' tables point here, and some refuse to be emptied; this database is scratch.
        cursor.execute("SET LOCAL session_replication_role = replica")
        # Designations have no foreign keys in the database, so no cascade reaches them.
        cursor.execute("TRUNCATE roster_snapshot, roster_project, roster_designation CASCADE")


@contextmanager
def scratch_database() -> Iterator[None]:
    """A migrated database of its own, dropped afterwards."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection

    # As a deployment has it. A checkout's .env says true, and then Django writes down every query of ours,
    # and none of a baseline that goes past it.
    settings.DEBUG = False
    connection.settings_dict["TEST"]["NAME"] = DATABASE
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
