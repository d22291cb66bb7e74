"""Worker processes of a rehearsal, which work the job queue until it is empty, on demand."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import datetime

from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app, connector_params
from procrastinate.contrib.django.django_connector import DjangoConnector
from psycopg_pool import AsyncConnectionPool

PROCESSES = 2
CONCURRENCY = 3
# A day of the rehearsal takes a few seconds.
POLLING_S = 0.05
DONE, NO_MORE = "done", "no more"


class Workers:
    """Procrastinate workers that run on demand.

    They are processes, as in a deployment. Each gets the time to work at, because the rehearsal's clock
    exists only in this process.
    """

    def __init__(self) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_rehearsal_worker"]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
            for _ in range(PROCESSES)
        ]

    def start(self, now: datetime) -> None:
        """Work incoming jobs, at this time, until `finish`."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{now.isoformat()}\n")
            process.stdin.flush()

    def finish(self) -> None:
        """Wait until the queue is empty, including jobs that jobs defer.

        Raises: RuntimeError: a worker ended; its messages are on standard error.
        """
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{NO_MORE}\n")
            process.stdin.flush()
        for process in self._processes:
            assert process.stdout is not None
            if process.stdout.readline().strip() != DONE:
                raise RuntimeError("a worker of the rehearsal ended unexpectedly")

    @contextmanager
    def working(self, now: datetime) -> Iterator[None]:
        """Work during the block, and then until the queue is empty."""
        self.start(now)
        yield
        self.finish()

    def work(self, now: datetime) -> None:
        """Work the queue until it is empty."""
        with self.working(now):
            pass

    def close(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
        for process in self._processes:
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def workers() -> Iterator[Workers]:
    """Workers for the duration of the block."""
    staff = Workers()
    try:
        yield staff
    finally:
        staff.close()


def _jobs_wait() -> bool:
    """Whether any job is waiting; jobs scheduled for a retry become due at once.

    Their delays go by real time, of which a day of the rehearsal takes a few seconds.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = NULL"
            " WHERE status = 'todo' AND scheduled_at IS NOT NULL"
        )
        cursor.execute("SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo')")
        (jobs_wait,) = cursor.fetchone()
    return bool(jobs_wait)


class Worker:
    """One worker in its process, with connections that it keeps between calls."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._runner.run(self._open())

    async def _open(self) -> None:
        connector = app.connector
        assert isinstance(connector, DjangoConnector)
        # Procrastinate's own pool checks the connection before each of thousands of small queries, and
        # wraps each in a transaction.
        pool = await self._stack.enter_async_context(
            AsyncConnectionPool(
                kwargs={**connector_params(), "autocommit": True}, max_size=CONCURRENCY + 1, open=False
            )
        )
        # The copy below has the tasks that are known at this point.
        app.perform_import_paths()  # type: ignore[no-untyped-call]
        self._app = app.with_connector(connector.get_worker_connector())
        # Periodic jobs go by real time; a rehearsal runs them by its own clock.
        self._app.periodic_registry.periodic_tasks.clear()
        await self._stack.enter_async_context(self._app.open_async(pool))

    def work(self, *, until: Callable[[], object]) -> None:
        """Work incoming jobs until the call, made in a thread, returns; then the jobs still waiting.

        The latter include jobs deferred by the last ones worked: a worker that is stopped finishes its
        jobs, but fetches no others.
        """
        self._runner.run(self._work_as_they_come(until))
        while _jobs_wait():
            self._runner.run(self._run(wait=False))

    async def _work_as_they_come(self, until: Callable[[], object]) -> None:
        working = asyncio.create_task(self._run(wait=True))
        await asyncio.get_running_loop().run_in_executor(None, until)
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working

    async def _run(self, *, wait: bool) -> None:
        await self._app.run_worker_async(
            wait=wait,
            concurrency=CONCURRENCY,
            fetch_job_polling_interval=POLLING_S,
            listen_notify=False,
            install_signal_handlers=False,
            delete_jobs="successful",
        )

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()
