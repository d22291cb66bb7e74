"""The house itself: the clock is read at the edge only, make lists its targets, the embedded server is shared."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from common import clock
from common.public_ids import ALPHABET, new_code
from config.environment import ROOT

ROOMS = ("roster", "inventory", "fulfillment", "reports")
# Where a room meets the outside, and may ask what time it is.
EDGES = {"views.py", "public_views.py", "jobs.py", "chores.py", "invariants.py"}


def test_services_and_rules_never_ask_for_the_time() -> None:
    asking = re.compile(r"clock\.now\(|timezone\.now\(|datetime\.now\(|date\.today\(|time\.time\(")
    inside = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.name not in EDGES and "management" not in path.parts and "migrations" not in path.parts
    ]
    assert inside
    assert [str(path) for path in inside if asking.search(path.read_text())] == []


def test_a_borrowed_clock_is_given_back() -> None:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    with clock.reading(lambda: moment):
        assert clock.now() == moment
    assert clock.now() > moment


def test_codes_are_random_and_readable() -> None:
    codes = {new_code("C") for _ in range(1000)}
    assert len(codes) == 1000
    assert all(set(code.removeprefix("C-")) <= set(ALPHABET) for code in codes)


def test_make_alone_lists_the_targets_of_the_contract() -> None:
    listed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "check", "bench", "serve", "worker"):
        assert f"make {target} " in listed


def test_no_two_processes_start_two_servers(tmp_path: Path) -> None:
    """The embedded server of a checkout is shared, and stops with the last process that used it."""
    script = (
        "import sys, time; from pathlib import Path; from config.embedded.server import socket_directory;"
        "print(socket_directory(Path(sys.argv[1]) / 'postgres'), flush=True); sys.stdin.read()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    sockets = {(process.stdout and process.stdout.readline()) for process in processes}
    assert len(sockets) == 1
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    assert pid_file.exists()
    # One is killed outright and leaves its number behind; the other still stops the server.
    processes[0].kill()
    processes[0].communicate()
    assert pid_file.exists()
    processes[1].communicate("")
    assert not pid_file.exists()
