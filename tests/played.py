"""A small rehearsal, played once for all tests that look at a whole programme (fixture `run` of conftest)."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

from config.environment import ROOT
from sandbox.rehearsal import databases
from sandbox.rehearsal.plan import Plan

PLAN = Plan(seed=7, keys=60, maintainers=150, weeks=4)


@dataclass(frozen=True)
class Run:
    """One rehearsal: its JSON as printed, its messages, and the database it kept."""

    printed: str
    messages: str
    database: str

    @property
    def summary(self) -> Any:
        return json.loads(self.printed)


def rehearse(*options: str) -> subprocess.CompletedProcess[str]:
    return manage("rehearse", *options)


def manage(*words: str) -> subprocess.CompletedProcess[str]:
    """A command as a person runs it: with the suite's variables, but not with its settings module."""
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(command, env=variables, input="", capture_output=True, text=True, check=False)


@contextmanager
def played() -> Iterator[Run]:
    """Play it, and drop its database afterwards."""
    done = rehearse(
        f"--seed={PLAN.seed}",
        f"--keys={PLAN.keys}",
        f"--maintainers={PLAN.maintainers}",
        f"--weeks={PLAN.weeks}",
        "--json",
        "--keep",
    )
    assert done.returncode == 0, done.stderr
    kept = re.search(r"database is kept as (\w+)", done.stderr)
    assert kept
    try:
        yield Run(done.stdout, done.stderr, kept[1])
    finally:
        databases.drop(kept[1])


@contextmanager
def connected_to(database: str) -> Iterator[None]:
    """Ask another database of the tests' server, in all threads of this process."""
    mine = connection.settings_dict["NAME"]
    _turn_to(database)
    try:
        yield
    finally:
        _turn_to(mine)


def _turn_to(database: str) -> None:
    connection.close()
    # Kept connections would still be those to the database before.
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's wrapper
    connection.settings_dict["NAME"] = database
