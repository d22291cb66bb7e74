"""Server of the stand-ins and the inbox: as a program, and as a context manager for tests and rehearsals."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.client import Control
from sandbox.clock import Clock
from sandbox.control import ControlRoutes
from sandbox.easypost.app import EasyPost
from sandbox.easypost.settings import EasyPostSettings
from sandbox.inbox import Inbox, add_routes
from sandbox.stripe.app import Stripe
from sandbox.stripe.client import StripeControl
from sandbox.stripe.control import StripeControlRoutes
from sandbox.stripe.pages import Pages
from sandbox.stripe.settings import StripeSettings

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the server. port 0: any free port. start_at: start of a virtual clock; None for real time.

    ends_with_stdin: stop when standard input closes, so that no server outlives the process it serves.
    """

    host: str = "127.0.0.1"
    port: int = 0
    start_at: datetime | None = None
    mail_dir: Path | None = None
    settings: EasyPostSettings = field(default_factory=EasyPostSettings)
    ends_with_stdin: bool = False


def build_app(options: Options) -> web.Application:
    """The whole application: `/v2` EasyPost, `/v1` and `/c` Stripe, `/files`, `/_control`, `/inbox`."""
    app = web.Application()
    vendor = EasyPost(Clock(options.start_at), options.settings)
    vendor.add_routes(app)
    stripe = Stripe(vendor.world.clock, vendor.world.agenda, StripeSettings())
    vendor.neighbours.append(stripe)
    stripe.add_routes(app)
    Pages(stripe).add_routes(app)
    StripeControlRoutes(stripe).add_routes(app)
    ControlRoutes(vendor, options.settings).add_routes(app)
    add_routes(app, Inbox(options.mail_dir))

    async def run(app: web.Application) -> AsyncIterator[None]:
        keeper = None if options.start_at else asyncio.create_task(vendor.keep_time())
        yield
        if keeper is not None:
            keeper.cancel()
        await vendor.close()

    app.cleanup_ctx.append(run)
    return app


async def serve_until(options: Options, stop: asyncio.Event, on_start: Callable[[int], None]) -> None:
    """Serve until `stop` is set; `on_start` gets the port once the server listens."""
    runner = web.AppRunner(build_app(options), access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port, backlog=512)
        await site.start()
        on_start(int(runner.addresses[0][1]))
        await stop.wait()
    finally:
        await runner.cleanup()


def serve(options: Options, on_start: Callable[[int], None]) -> None:
    """Serve in this process until it is interrupted or terminated."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        if not options.ends_with_stdin:
            loop.add_signal_handler(signal.SIGINT, stop.set)
        else:
            # Ctrl-C reaches the whole process group; the process that started the server ends it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            await loop.connect_read_pipe(lambda: _StopAtEnd(stop), sys.stdin)
        await serve_until(options, stop, on_start)

    asyncio.run(main())


class _StopAtEnd(asyncio.Protocol):
    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop.set()


class Sandbox:
    """The stand-ins, running for as long as the `with` block lasts.

    Args: start_at: start of a virtual clock; None follows real time.
        mail_dir: the folder whose messages the inbox shows.
        settings: names and values of `sandbox.easypost.settings.EasyPostSettings`.
        in_thread: serve in a thread of this process, for debugging; the default is a separate process, which
            does not compete for this interpreter.
    """

    def __init__(
        self,
        *,
        start_at: datetime | None = None,
        port: int = 0,
        mail_dir: Path | None = None,
        in_thread: bool = False,
        **settings: object,
    ) -> None:
        self._options = Options(
            port=port,
            start_at=start_at.astimezone(UTC) if start_at else None,
            mail_dir=mail_dir.resolve() if mail_dir else None,
            settings=EasyPostSettings().changed(settings),
            ends_with_stdin=not in_thread,
        )
        self._host: _Process | _Thread = _Thread(self._options) if in_thread else _Process(self._options)
        self._port: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._port = self._host.start()

    def stop(self) -> None:
        self._host.stop()

    @property
    def url(self) -> str:
        if self._port is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://{self._options.host}:{self._port}"

    @property
    def easypost_url(self) -> str:
        """The `api_base` for the `easypost` client."""
        return f"{self.url}/v2"

    @property
    def stripe_url(self) -> str:
        """The base address for the `stripe` client."""
        return self.url

    @property
    def stripe(self) -> StripeControl:
        return StripeControl(self.control)

    @property
    def control(self) -> Control:
        return Control(self.url)


class _Process:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        command = [sys.executable, "-m", "sandbox", "--json", "--ends-with-stdin"]
        command += ["--host", self._options.host, "--port", str(self._options.port)]
        command += ["--settings", json.dumps(self._options.settings.to_json())]
        if self._options.start_at is not None:
            command += ["--start-at", self._options.start_at.isoformat()]
        if self._options.mail_dir is not None:
            command += ["--mail-dir", str(self._options.mail_dir)]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox did not start (exit status {self._process.wait()})")
        return int(json.loads(line)["port"])

    def stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process = None


class _Thread:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> int:
        started = threading.Event()
        ports: list[int] = []

        def listening(port: int) -> None:
            ports.append(port)
            started.set()

        async def main() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve_until(self._options, self._stop, listening)

        def run() -> None:
            try:
                asyncio.run(main())
            finally:
                started.set()

        self._thread = threading.Thread(target=run, name="sandbox", daemon=True)
        self._thread.start()
        started.wait(START_SECONDS)
        if not ports:
            raise RuntimeError("the sandbox did not start")
        return ports[0]

    def stop(self) -> None:
        if self._loop is None or self._stop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        self._loop = self._stop = self._thread = None
