"""Workers are killed at every step of a purchase, and others race them for it.

Everything is real here: worker processes, SIGKILL, committed rows, the client's HTTP. The step is where the worker
stands when the signal comes; meanwhile a second worker has been at the same purchase. All steps, each with every
fault of docs/vendors.md § 4.5, on the way out and on the way back, play with KEYDESK_LONG=1.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections

from common import invariants
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.circuit_breaker import end_pauses
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.recovery import resolve_purchases
from fulfillment.postage.services.shipment_planning import plan_return, ship_claim
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState
from fulfillment.tracking.services.carrier_events import _apply
from fulfillment.vault.addresses import PostalAddress
from sandbox.client import Control
from sandbox.server import Sandbox
from tests.flushing import _flush_past_the_triggers  # noqa: F401
from tests.fulfillment.conftest import (
    Plan,
    accounts_of,
    fresh,
    labels_bought,
    movements_of,
    waiting_jobs,
)
from tests.fulfillment.postage.crash_matrix import FAULTS, POINTS, SIMULATED, SLOW_FAULTS
from tests.fulfillment.warehouse.scans import Floor, people

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = Path(__file__).with_name("worker.py")
IS_LONG = bool(os.environ.get("KEYDESK_LONG"))
# The workers' clients wait 5 seconds, so purchases settle after 125; jobs that nobody has are idle after 300.
SETTLED = 330
SLOWER_S = 6.0
DEADLINE_S = 60


@pytest.fixture
def now() -> datetime:
    """Worker processes read the wall clock, so here everything happens now."""
    return datetime.now(UTC)


class Workers:
    """Worker processes on this test's database and this stand-in."""

    def __init__(self, api_base: str) -> None:
        name = str(connection.settings_dict["NAME"])
        environment = {**os.environ, "DATABASE_NAME": name, "PYTHONPATH": str(settings.BASE_DIR)}
        if url := settings.ENVIRONMENT.database_url:
            environment["DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), api_base],
            env=environment,
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, job: str, **given: Any) -> int:
        return int(self._ask(start=job, **given)["pid"])

    def ended(self, pid: int) -> int:
        """Waits for a worker; how it ended."""
        return int(self._ask(wait=pid)["status"])

    def look(self, pid: int) -> int | None:
        """How a worker ended; None while it is at work."""
        status = self._ask(look=pid)["status"]
        return None if status is None else int(status)

    def work(self, job: str, **given: Any) -> None:
        assert self.ended(self.start(job, **given)) == 0

    def _ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def workers(django_db_setup: None, vendor_process: Sandbox) -> Iterator[Workers]:
    """One process that forks all workers of this module: it keeps nothing but what it imported."""
    started = Workers(vendor_process.easypost_url)
    yield started
    started.close()


def killed_at(point: str, purchase: LabelPurchase, *, workers: Workers, marker: Path) -> None:
    """A worker comes to a point, another is at the same purchase, and then the first is killed.

    Under some faults the first does not come that far; then it is the next, when the purchase is looked after.
    """
    marker.unlink(missing_ok=True)
    doomed = _who_comes_to(point, workers=workers, marker=marker)
    if not point.startswith("in the middle"):
        # In the middle of a transaction its locks are held, for which the other would rightly wait.
        workers.work("buy", purchase=str(purchase.pk))
        workers.work("tick")
    os.kill(doomed, signal.SIGKILL)
    assert workers.ended(doomed) == -signal.SIGKILL


def _who_comes_to(point: str, *, workers: Workers, marker: Path) -> int:
    for times in range(8):
        for job in ("queue",) if times == 0 else ("tick", "queue"):
            pid = workers.start(job, later=times * SETTLED, point=point, marker=str(marker))
            deadline = time.monotonic() + DEADLINE_S
            while not marker.exists() and time.monotonic() < deadline:
                if (status := workers.look(pid)) is not None:
                    assert status == 0
                    break
                time.sleep(0.02)
            else:
                assert marker.exists(), f"'{job}' hangs before '{point}'"
                return pid
    raise AssertionError(f"nobody came to '{point}'")


def work_what_is_left(purchase: LabelPurchase, *, workers: Workers) -> LabelPurchase:
    """Time passes, and two workers at once look after everything, until the label is there."""
    for times in range(8, 16):
        for job in ("tick", "queue"):
            pair = [workers.start(job, later=times * SETTLED) for _ in range(2)]
            assert [workers.ended(pid) for pid in pair] == [0, 0]
        left = fresh(purchase)
        if left.state == PurchaseState.BOUGHT and left.label_sha256:
            return left
    return fresh(purchase)


def assert_one_label(purchase: LabelPurchase, vendor: Control) -> None:
    assert purchase.state == PurchaseState.BOUGHT
    assert purchase.label_sha256
    assert labels_bought(vendor, purchase.pk) == 1
    (label,) = [one for one in vendor.labels() if one["reference"] == purchase.reference]
    assert label["tracking_code"] == purchase.tracking_code
    assert not purchase.shipment.cases.exists()


MET = SIMULATED if IS_LONG else ("none",)
# Where a death costs most: the label is bought, and nobody here knows.
STEPS = POINTS if IS_LONG else ("bought, the answer not written down", "in the middle of writing it down")
Plans = Callable[[str], LabelPurchase]


def play(
    fault: str, plans: Plans, *, names: list[str], workers: Workers, vendor: Control, marker: Path
) -> list[LabelPurchase]:
    """Kill a worker at each point, each time on another parcel, under one fault; the labels in the end."""
    bought = []
    for point, name in zip(STEPS, names, strict=True):
        purchase = plans(name)
        vendor.clear_faults()
        for one in FAULTS[fault]:
            slow = {"seconds": SLOWER_S} if fault in SLOW_FAULTS and one["kind"] == "delay" else {}
            vendor.add_fault(**{**one, **slow})
        killed_at(point, purchase, workers=workers, marker=marker)
        bought.append(work_what_is_left(purchase, workers=workers))
        assert_one_label(bought[-1], vendor)
        # The next round begins at the wall's time again, hours before this one's pauses are over.
        end_pauses()
    return bought


@pytest.fixture
def names(campaign: Any, stock: None, tmp_path: Path, now: datetime) -> list[str]:
    return people(tmp_path, len(STEPS), now=now)


@pytest.fixture
def out(campaign: Any, address: PostalAddress, now: datetime) -> Plans:
    """Plans the label of somebody's parcel."""

    def out(name: str) -> LabelPurchase:
        planned = ship_claim(claim_id=Floor(campaign, now).claim(name, address).pk, now=now)
        assert planned is not None
        return planned

    return out


@pytest.mark.parametrize("fault", MET)
def test_case_4_a_worker_killed_at_any_step_leaves_one_label(
    fault: str, names: list[str], out: Plans, workers: Workers, vendor: Control, tmp_path: Path
) -> None:
    bought = play(fault, out, names=names, workers=workers, vendor=vendor, marker=tmp_path / "marker")
    books = vendor.state()
    assert books["labels_bought"] == len(STEPS)
    assert books["spent_cents"] == sum(one.cost_cents or 0 for one in bought)
    for one in bought:
        assert accounts_of(one.shipment.claim) == ["reserved", "reserved"]
        assert movements_of(one.shipment.claim) == ["receive", "reserve"]
    assert invariants.verify_all().violations == []


@pytest.mark.skipif(not IS_LONG, reason="the way back is the same protocol; it plays with KEYDESK_LONG=1")
@pytest.mark.parametrize("fault", MET)
def test_a_worker_killed_at_any_step_leaves_one_return_label(
    fault: str,
    names: list[str],
    out: Plans,
    workers: Workers,
    vendor: Control,
    tmp_path: Path,
    now: datetime,
) -> None:
    def back(name: str) -> LabelPurchase:
        sent = out(name)
        workers.work("queue")
        word = TrackerState("delivered", "", now)
        _apply(fresh(sent), word, said_at=now, webhook=None, now=now, is_confirmed=True)
        planned = plan_return(fresh(sent).shipment, now=now)
        assert planned is not None
        return planned

    play(fault, back, names=names, workers=workers, vendor=vendor, marker=tmp_path / "marker")
    assert vendor.state()["labels_bought"] == 2 * len(STEPS)
    assert invariants.verify_all().violations == []


def test_a_worker_killed_while_it_waits_for_the_answer_leaves_one_label_to_adopt(
    plan: Plan, workers: Workers, vendor: Control, gateway: EasyPostGateway
) -> None:
    vendor.add_fault("delay", method="POST", path="/shipments/*/buy", moment="after", seconds=3)
    purchase = plan()
    waiting = workers.start("queue")
    for _ in range(600):
        if labels_bought(vendor, purchase.pk):
            break
        time.sleep(0.02)
    os.kill(waiting, signal.SIGKILL)
    assert workers.ended(waiting) == -signal.SIGKILL
    assert fresh(purchase).state == PurchaseState.BUYING

    later = datetime.now(UTC) + timedelta(seconds=SETTLED)
    assert resolve_purchases(gateway=gateway, worker="another", now=later) == 1
    assert_one_label_adopted(purchase, vendor)


def assert_one_label_adopted(purchase: LabelPurchase, vendor: Control) -> None:
    adopted = fresh(purchase)
    assert adopted.state == PurchaseState.BOUGHT
    assert adopted.buy_attempts == 1
    assert labels_bought(vendor, purchase.pk) == 1
    assert vendor.state()["labels_bought"] == 1
    assert vendor.state()["shipments"] == 1
    assert vendor.state()["spent_cents"] == adopted.cost_cents
    assert adopted.tracking_code == vendor.labels()[0]["tracking_code"]
    assert accounts_of(adopted.shipment.claim) == ["reserved", "reserved"]
    assert movements_of(adopted.shipment.claim) == ["receive", "reserve"]
    assert len(waiting_jobs("shipping.fetch_label")) == 1
    assert invariants.verify_all().violations == []


def test_case_5_two_workers_on_one_purchase_buy_one_label(
    plan: Plan, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(buy_seconds=0.3)
    purchase = plan()
    ready = threading.Barrier(4)
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            ready.wait()
            buy_label(purchase_id=purchase.pk, gateway=gateway, worker=name, now=now)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(f"worker {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    # Not the vendor kept it single: nobody even asked a second time.
    assert vendor.state()["second_purchases_refused"] == 0
    assert_one_label_adopted(purchase, vendor)
