"""The application as a deployment serves it: gunicorn, in processes of its own, on the test's database."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def gunicorn() -> Iterator[int]:
    """Serve the application on a free port of 127.0.0.1; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "tests.api.serving:application"),
            *("--config", str(ROOT / "config/gunicorn.py"), "--bind", f"127.0.0.1:{port}"),
        ],
        cwd=ROOT,
        env=os.environ | {"SERVED_DATABASE": str(connection.settings_dict["NAME"])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        # Its own session, so that the workers end with it whatever happens.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("gunicorn stopped; run it by hand to see why")
        try:
            call = HTTPConnection("127.0.0.1", port, timeout=5)
            call.request("GET", "/healthz")
            if call.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            call.close()
    raise TimeoutError(f"nothing answered on port {port} ({settings.SITE_URL})")
