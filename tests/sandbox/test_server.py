"""The stand-in as a program: starting, stopping, its clock, and its control API."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Control, ControlError
from sandbox.server import ROOT, Sandbox
from tests.sandbox.conftest import DESK, NEIGHBOUR, PARCEL, START, Receiver
from tests.sandbox.vendor import EasyPostClient

COMMAND = [sys.executable, "-m", "sandbox"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


def test_it_starts_on_a_free_port_and_ends_on_ctrl_c() -> None:
    with subprocess.Popen([*COMMAND, "--port", "0", "--json"], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())
        assert Control(address["url"]).health() == {"ok": True, "virtual": False}
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_it_ends_with_the_process_it_serves() -> None:
    command = [*COMMAND, "--port", "0", "--json", "--ends-with-stdin"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    "wrong", [["--settings", '{"speed": 9}'], ["--start-at", "tomorrow"], ["--journey", "fast"]]
)
def test_wrong_use_is_said(wrong: list[str]) -> None:
    done = run(*wrong)
    assert done.returncode == 2
    assert "error:" in done.stderr


def test_a_taken_port_is_said(server: Sandbox) -> None:
    port = server.url.rpartition(":")[2]
    done = run("--port", port)
    assert done.returncode == 1
    assert f"cannot serve on 127.0.0.1:{port}" in done.stderr


def test_it_can_run_in_a_thread() -> None:
    with Sandbox(start_at=START, in_thread=True, journey="realistic", seed=5) as sandbox:
        assert sandbox.easypost_url.endswith("/v2")
        settings = sandbox.control.settings()
        assert (settings["journey"], settings["seed"]) == ("realistic", 5)
    with pytest.raises(OSError, match="refused"):
        sandbox.control.health()


def test_a_virtual_clock_moves_only_when_told(control: Control) -> None:
    assert control.clock()["now"] == "2026-01-05T12:00:00.000Z"
    assert control.advance(90)["now"] == "2026-01-05T12:01:30.000Z"
    there = control.advance_to(START + timedelta(days=1))
    assert there["now"] == "2026-01-06T12:00:00.000Z"
    assert (there["done"], there["next_due"]) == (0, None)


def test_the_next_thing_due_is_told(bought: Callable[..., Any], control: Control) -> None:
    bought()
    assert control.clock()["next_due"] == "2026-01-05T12:00:01.000Z"


def test_time_goes_back_only_when_nothing_is_due(bought: Callable[..., Any], control: Control) -> None:
    control.set_clock(START - timedelta(days=100))
    bought()
    with pytest.raises(ControlError, match="409"):
        control.set_clock(START - timedelta(days=101))


def test_a_reset_forgets_everything(client: Any, bought: Callable[..., Any], control: Control) -> None:
    bought()
    client.webhook.create(url="http://127.0.0.1:1/")
    control.settings(journey="realistic")
    control.add_fault("drop", count=0)
    control.reset(now=START)
    books = control.state()
    assert (books["shipments"], books["labels_bought"], books["spent_cents"]) == (0, 0, 0)
    assert (books["webhooks"], control.faults(), control.clock()["due"]) == ([], [], 0)
    assert control.settings()["journey"] == "test"


@pytest.mark.parametrize("body", [{}, {"now": "noon"}, {"advance_seconds": "60"}, {"advance_seconds": True}])
def test_a_clock_request_without_a_time_is_refused(control: Control, body: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="400"):
        control.send("POST", "/clock", body)


def test_calls_are_counted_by_kind(bought: Callable[..., Any], control: Control) -> None:
    bought()
    bought()
    assert control.state()["calls"] == {"POST /shipments": 2, "POST /shipments/{id}/buy": 2}


def test_on_a_real_clock_things_happen_by_themselves(receiver: Receiver) -> None:
    with Sandbox(event_lag_seconds=0) as sandbox:
        client = EasyPostClient("EZTKtests", api_base=sandbox.easypost_url)
        client.webhook.create(url=receiver.url)
        shipment = client.shipment.create(to_address=NEIGHBOUR, from_address=DESK, parcel=PARCEL)
        client.shipment.buy(shipment.id, rate={"id": shipment.rates[0].id})
        # The first step is due a second after the purchase.
        deadline = time.monotonic() + 10
        while len(receiver.received) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        client._requests_session.close()
        with pytest.raises(ControlError, match="409"):
            sandbox.control.advance(60)
    created, updated = (json.loads(body) for _, body in receiver.received)
    assert (created["description"], updated["result"]["status"]) == ("tracker.created", "pre_transit")
    age = datetime.now(UTC) - datetime.fromisoformat(created["created_at"])
    assert timedelta() <= age < timedelta(seconds=15)


def test_it_stays_free_of_django() -> None:
    code = "import sandbox.server, sandbox.__main__, sys; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert (Path(ROOT) / "sandbox").is_dir()
