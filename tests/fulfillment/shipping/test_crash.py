"""A worker is killed in the middle of a purchase, and two workers take the same one.

Everything is real here: worker processes, SIGKILL, committed rows, the client's HTTP.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections

from config import invariants
from fulfillment.shipping.gateways.easypost import EasyPostGateway
from fulfillment.shipping.models import LabelPurchase
from fulfillment.shipping.rules.states import PurchaseState
from fulfillment.shipping.services.purchasing import buy_label
from fulfillment.shipping.services.recovery import resolve_purchases
from sandbox.client import Control
from sandbox.server import Sandbox
from tests.flushing import _flush_past_the_triggers  # noqa: F401

from .conftest import Plan, accounts_of, fresh, labels_bought, movements_of, waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = Path(__file__).with_name("worker.py")
# The worker's client waits 30 seconds, so it settles after 150.
SETTLED = 151


@pytest.fixture
def now() -> datetime:
    """Worker processes read the wall clock, so here everything happens now."""
    return datetime.now(UTC)


@pytest.fixture
def worker(stand_in: Sandbox) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts a worker process on this test's database and this stand-in."""

    def start(*arguments: str) -> "subprocess.Popen[str]":
        name = str(connection.settings_dict["NAME"])
        environment = {**os.environ, "DATABASE_NAME": name, "PYTHONPATH": str(settings.BASE_DIR)}
        if url := settings.ENVIRONMENT.database_url:
            environment["DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), stand_in.easypost_url, *arguments],
            env=environment,
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


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
    assert invariants.verify().violations == []


def test_case_4_a_worker_killed_between_the_answer_and_our_commit_leaves_one_label_to_adopt(
    plan: Plan, worker: Callable[..., "subprocess.Popen[str]"], vendor: Control
) -> None:
    purchase = plan()
    status, output = ended(worker("--die-after-buying", "queue"))
    assert status == -signal.SIGKILL, output
    assert fresh(purchase).state == PurchaseState.BUYING
    assert labels_bought(vendor, purchase.pk) == 1
    assert accounts_of(purchase.shipment.claim) == ["reserved", "reserved"]

    status, output = ended(worker("--later", str(SETTLED), "resolve"))
    assert status == 0, output
    assert_one_label_adopted(purchase, vendor)


def test_a_worker_killed_while_it_waits_for_the_answer_leaves_one_label_to_adopt(
    plan: Plan,
    worker: Callable[..., "subprocess.Popen[str]"],
    vendor: Control,
    gateway: EasyPostGateway,
) -> None:
    vendor.add_fault("delay", method="POST", path="/shipments/*/buy", moment="after", seconds=20)
    purchase = plan()
    waiting = worker("queue")
    for _ in range(600):
        if labels_bought(vendor, purchase.pk):
            break
        time.sleep(0.05)
    waiting.kill()
    status, output = ended(waiting)
    assert status == -signal.SIGKILL, output
    assert fresh(purchase).state == PurchaseState.BUYING

    later = datetime.now(UTC) + timedelta(seconds=SETTLED)
    assert resolve_purchases(gateway=gateway, worker="another", now=later) == 1
    assert_one_label_adopted(purchase, vendor)


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
