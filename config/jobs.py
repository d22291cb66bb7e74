"""Defer jobs, rescue jobs of dead workers, and check the invariants every night.

Arguments of jobs are IDs only: they are stored in a table that staff and backups can read (I9).
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import connection, transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.types import JSONValue

from common import invariants
from config import stalled_jobs

logger = logging.getLogger("keydesk.jobs")

# 10 s, 20 s, 40 s … up to about three hours in all; periodic jobs pick up what still fails then.
BACK_OFF = RetryStrategy(max_attempts=10, exponential_wait=2, wait=10)

_WAITS = "SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'"


def defer(task_name: str, /, *, lock: str | None = None, **arguments: JSONValue) -> None:
    """Defer a job in the current transaction: it is queued only if the transaction commits.

    Jobs are named, not imported, so that an app can defer jobs of an app above it.
    """
    app.configure_task(task_name, lock=lock, allow_unknown=False).defer(**arguments)


def wake(task_name: str, /) -> None:
    """Defer a job of this name, unless one is waiting, once this transaction has committed.

    For work whose rows are themselves the queue: they are committed with the change that causes them, and the
    job only announces them. One waiting job serves any number of rows, so a burst of changes is not
    a burst of jobs. If the process dies before that, the periodic run of the same job finds them.
    """
    transaction.on_commit(partial(_wake, task_name))


def commit_and_wake(
    task_name: str, /, statement: str, parameters: Sequence[Any]
) -> Sequence[tuple[Any, ...]]:
    """Commit one statement and wake a job of this name if it returned rows; returns the rows.

    Outside a transaction it takes one round trip where `wake` takes two, and in a burst round trips are most
    of the cost of a small row. The queue is checked after the commit, as in `wake`.

    Args: statement: ends in RETURNING.
    """
    with connection.cursor() as cursor:
        if connection.in_atomic_block:
            cursor.execute(statement, parameters)
            changed: Sequence[tuple[Any, ...]] = cursor.fetchall()
            if changed:
                wake(task_name)
            return changed
        try:
            cursor.execute(f"BEGIN; {statement}; COMMIT; {_WAITS}", [*parameters, task_name])
        except BaseException:
            # The transaction was opened without Django, so it is ended in the same way.
            if connection.connection is not None and not connection.connection.closed:
                connection.connection.rollback()
            raise
        cursor.nextset()
        changed = cursor.fetchall()
        cursor.nextset()
        cursor.nextset()
        is_waiting = cursor.fetchone() is not None
    if changed and not is_waiting:
        _defer_once(task_name)
    return changed


def _wake(task_name: str) -> None:
    # A query is cheaper than a failed insert. A job still waiting has not read its work yet, and that work
    # is committed.
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, [task_name])
        if cursor.fetchone():
            return
    _defer_once(task_name)


def _defer_once(task_name: str) -> None:
    try:
        with transaction.atomic():
            app.configure_task(task_name, queueing_lock=task_name, allow_unknown=False).defer(timestamp=0)
    except AlreadyEnqueued:
        pass


@app.periodic(cron="* * * * *")
@app.task(name="config.rescue_jobs", queueing_lock="config.rescue_jobs", pass_context=False)
def rescue_jobs(timestamp: int) -> None:
    """Every minute: return jobs of killed workers to the queue."""
    stalled_jobs.rescue_jobs()


@app.periodic(cron="17 3 * * *")
@app.task(name="config.verify", pass_context=False)
def verify(timestamp: int) -> None:
    """Every night: check the invariants and log each violation as an error, with its IDs."""
    for violation in invariants.verify_all().violations:
        logger.error("%s broken: %s (%s)", violation.invariant, violation.message, ", ".join(violation.ids))
