"""Jobs whose worker was killed are tried again by another, and no job is tried for ever."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from config.stalled_jobs import MAX_ATTEMPTS, rescue_jobs

LONG_AGO, NOW = "now() - interval '5 minutes'", "now()"


def put(task: str, *, heartbeat: str | None, attempts: int = 0, queueing_lock: str | None = None) -> int:
    """A job being done by a worker last heard of then; None: by one that was pruned."""
    job_id = app.configure_task(task, queueing_lock=queueing_lock).defer(timestamp=0)
    worker_id = None
    with connection.cursor() as cursor:
        if heartbeat is not None:
            cursor.execute(
                f"INSERT INTO procrastinate_workers (last_heartbeat) VALUES ({heartbeat}) RETURNING id"
            )
            (worker_id,) = cursor.fetchone()
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', attempts = %s, worker_id = %s WHERE id = %s",
            [attempts, worker_id, job_id],
        )
    return int(job_id)


def status(job_id: int) -> str:
    return str(ProcrastinateJob.objects.get(pk=job_id).status)


@pytest.mark.django_db
@pytest.mark.parametrize("heartbeat", [None, LONG_AGO])
def test_a_job_of_a_worker_that_is_gone_is_tried_again(heartbeat: str | None) -> None:
    job_id = put("config.verify", heartbeat=heartbeat)
    assert rescue_jobs() == 1
    assert status(job_id) == "todo"
    assert rescue_jobs() == 0


@pytest.mark.django_db
def test_a_job_of_a_worker_that_lives_is_left_to_it() -> None:
    job_id = put("config.verify", heartbeat=NOW)
    assert rescue_jobs() == 0
    assert status(job_id) == "doing"


@pytest.mark.django_db
def test_a_look_for_work_that_another_waits_to_make_is_not_made_twice() -> None:
    job_id = put("config.verify", heartbeat=None, queueing_lock="only one")
    app.configure_task("config.verify", queueing_lock="only one").defer(timestamp=0)
    assert rescue_jobs() == 1
    assert status(job_id) == "failed"


@pytest.mark.django_db
def test_a_job_that_takes_every_worker_with_it_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    job_id = put("config.verify", heartbeat=None, attempts=MAX_ATTEMPTS)
    rescue_jobs()
    assert status(job_id) == "failed"
    assert "config.verify" in caplog.text


DIES = """
import os, signal, django
django.setup()
from procrastinate.contrib.django import app
from common import invariants
invariants.verify_all = lambda: os.kill(os.getpid(), signal.SIGKILL)
worker_app = app.with_connector(app.connector.get_worker_connector())
worker_app.run_worker(wait=False, listen_notify=False, install_signal_handlers=False)
"""


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_killed_in_a_real_job_leaves_it_to_be_rescued() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    job_id = int(app.configure_task("config.verify").defer(timestamp=0))
    name = str(connection.settings_dict["NAME"])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_NAME": name}
    if url := settings.ENVIRONMENT.database_url:
        environment["DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
    killed = subprocess.run(
        [sys.executable, "-c", DIES],
        env=environment,
        cwd=Path(settings.BASE_DIR),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert status(job_id) == "doing"
    # Its last sign of life is seconds old: not gone yet.
    assert rescue_jobs() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'")
    assert rescue_jobs() == 1
    assert status(job_id) == "todo"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
        cursor.execute("DELETE FROM procrastinate_workers")
