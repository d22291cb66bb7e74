"""Rescue of jobs whose worker died, since the queue itself never takes a job back.

Every job may run twice (a worker may die after its work and before recording it), so a second run is
safe; a job that never ends is not.
"""

import logging
from datetime import timedelta

from django.db import connection, transaction

logger = logging.getLogger("keydesk.jobs")

# A worker sends a heartbeat every 10 s. Six must be missing, so that a slow database alone does not count.
SILENCE = timedelta(seconds=60)
# A job that has killed this many workers would kill the next one too.
MAX_ATTEMPTS = 10

# Jobs of a pruned worker have no worker id. SKIP LOCKED: other rescuers hold those rows.
_ORPHANS = """
SELECT job.id, job.task_name, job.attempts,
       job.queueing_lock IS NOT NULL AND EXISTS (
           SELECT FROM procrastinate_jobs AS waiting
           WHERE waiting.queueing_lock = job.queueing_lock AND waiting.status = 'todo'
       )
FROM procrastinate_jobs AS job
WHERE job.status = 'doing' AND NOT EXISTS (
    SELECT FROM procrastinate_workers AS worker
    WHERE worker.id = job.worker_id AND worker.last_heartbeat >= now() - make_interval(secs => %s)
)
ORDER BY job.id
FOR UPDATE OF job SKIP LOCKED
"""
_AGAIN = "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)"
_END = "SELECT procrastinate_finish_job_v1(%s, 'failed', false)"


def rescue_jobs() -> int:
    """Return the jobs of dead workers to the queue; returns how many were found.

    A job that is already waiting a second time is ended instead, and so
    is one that was tried too often. Times are the database's, because the clocks of workers may differ.

    Locks: the jobs; of two rescuers at once each job has one.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ORPHANS, [SILENCE.total_seconds()])
        orphans = cursor.fetchall()
        again: set[str] = set()
        for job_id, task_name, attempts, is_waiting in orphans:
            if attempts >= MAX_ATTEMPTS:
                logger.error(
                    "Job %s (%s) lost its worker %s times and is ended.", job_id, task_name, attempts
                )
            is_over = attempts >= MAX_ATTEMPTS or is_waiting
            cursor.execute(_END if is_over else _AGAIN, [job_id])
            if not is_over:
                again.add(task_name)
    if again:
        logger.warning("Jobs whose worker died are retried: %s.", ", ".join(sorted(again)))
    return len(orphans)
