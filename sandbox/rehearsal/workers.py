"""The job queue, worked until it is empty, as often as the rehearsal wants."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

CONCURRENCY = 4


class Workers:
    """A Procrastinate worker that is called in rather than left waiting."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._runner.run(self._open())

    async def _open(self) -> None:
        connector = app.connector
        assert isinstance(connector, DjangoConnector)
        self._app = app.with_connector(connector.get_worker_connector())
        await self._stack.enter_async_context(self._app.open_async())

    def work(self) -> None:
        """Work every job that is due, and every job those defer."""
        self._runner.run(
            self._app.run_worker_async(
                wait=False,
                concurrency=CONCURRENCY,
                listen_notify=False,
                install_signal_handlers=False,
                delete_jobs="successful",
            )
        )

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()


@contextmanager
def workers() -> Iterator[Workers]:
    """Workers for the length of the block."""
    staff = Workers()
    try:
        yield staff
    finally:
        staff.close()
