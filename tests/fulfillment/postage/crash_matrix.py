"""One purchase under fire: a worker dies or stalls at a step of docs/vendors.md § 4.3, others race it.

A scenario plays in one process. The worker that strikes its point first stops there; at that very moment
another takes the same job, looks for purchases in doubt and tries what the database must refuse. Then the
first is dead (an exception that rolls back what it had open), or goes on at once, or goes on when all is
over. What is left is worked as workers would, clock tick by clock tick, until nothing moves. `faults_found` judges the end
by the vendor's own books. Real processes and signals are in test_crash.py.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from common import clock
from fulfillment.casework.services import stalled_work
from fulfillment.claims.models import ClaimEvent
from fulfillment.postage import gateways
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.rules.purchases import settle_interval
from fulfillment.postage.services import (
    label_files,
    purchase_transitions,
    purchasing,
    rating,
    recovery,
    shipment_planning,
)
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.carrier_values import BoughtLabel, LabelFile, ShipmentStatus
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import PurchaseState
from sandbox.client import Control
from tests.fulfillment.conftest import accounts_of, cases_of, forget_jobs, movements_of

# Long enough for an answer on a busy machine, where no fault delays it.
TIMEOUT_S = 2.0
# So long the client waits where a fault delays the answer, and so long the fault delays it.
SHORT_TIMEOUT_S, SLOW_S = 0.15, 0.3
BUY = {"method": "POST", "path": "/shipments/*/buy"}
CREATE = {"method": "POST", "path": "/shipments"}
LOOK = {"method": "GET", "path": "/shipments/*"}

# Every step of docs/vendors.md § 4.3, before and after each commit and each call.
POINTS = (
    "nothing done",
    "lease taken, shipment not asked for",
    "shipment made, its id not stored",
    "id and rate stored",
    "about to buy",
    "bought, the answer not written down",
    "in the middle of writing it down",
    "bought and written down, label not fetched",
    "label fetched, not sealed",
    "in the middle of storing",
)
ENDS = ("killed", "raced", "stalled")

_after = {**BUY, "moment": "after"}
# The seven of docs/vendors.md § 4.5, and below them what else its § 4.4 calls unknown.
FAULTS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "dropped before its effect": [{"kind": "drop", **BUY}],
    "dropped after its effect": [{"kind": "drop", **_after}],
    "500 before its effect": [{"kind": "status", "status": 500, **BUY}],
    "500 after its effect": [{"kind": "status", "status": 500, **_after}],
    "429 before its effect": [{"kind": "status", "status": 429, "retry_after": 3600, **BUY}],
    "429 after its effect": [{"kind": "status", "status": 429, **_after}],
    "slow beyond the timeout": [{"kind": "delay", "seconds": SLOW_S, **BUY}],
    "slow and lost": [{"kind": "delay", "seconds": SLOW_S, **BUY}, {"kind": "drop", **BUY}],
    "HTML 502 after its effect": [{"kind": "html", **_after}],
    "200 that is not JSON": [{"kind": "garbage", **_after}],
    "200 without a label": [{"kind": "no_label", **BUY}],
    "423 after its effect": [{"kind": "status", "status": 423, **_after}],
    "refused for good, yet bought": [
        {"kind": "status", "status": 422, "code": "SHIPMENT.POSTAGE.FAILURE", **_after}
    ],
    "bought, but not shown at first": [{"kind": "drop", **_after}, {"kind": "no_label", **LOOK}],
    "stale rate": [{"kind": "status", "status": 422, "code": "SHIPMENT.MISSING_RATE", **BUY}],
}
SIMULATED = (
    "none",
    "dropped before its effect",
    "dropped after its effect",
    "500 before its effect",
    "429 before its effect",
    "slow beyond the timeout",
    "slow and lost",
    "HTML 502 after its effect",
)
# One fault for each way in which an answer is read (rules.purchases.Answer) times bought or not, beside those
# above. The rest are read like one of these, which test_purchase_outcomes.py shows of each.
OTHERWISE_READ = (
    "429 after its effect",
    "200 without a label",
    "refused for good, yet bought",
    "bought, but not shown at first",
    "stale rate",
)
SLOW_FAULTS = ("slow beyond the timeout", "slow and lost")


class Killed(BaseException):
    """The worker is gone: nothing in its way catches this, and what it had open rolls back."""


@dataclass(frozen=True)
class Scenario:
    fault: str = "none"
    point: str | None = None
    end: str = "killed"
    create_lost: bool = False

    @property
    def is_slow(self) -> bool:
        return self.fault in SLOW_FAULTS

    def __str__(self) -> str:
        lost = ", answer to the creation lost" if self.create_lost else ""
        where = f"{self.end} at '{self.point}'" if self.point else "nobody killed"
        return f"{where}, {self.fault}{lost}"


@dataclass
class Trial:
    """One scenario being played on one claim."""

    scenario: Scenario
    claim_id: int
    vendor: Control
    api_base: str
    now: datetime
    gateway: "StruckGateway" = field(init=False)
    struck: bool = False
    vendor_busy_until: float = 0.0
    looking: int = 0
    looked_together: int = 0

    # The stage.

    def play(self) -> None:
        """Plan, buy under fire, and work what is left until nothing moves."""
        scenario = self.scenario
        for fault in FAULTS[scenario.fault]:
            self.vendor.add_fault(**fault)
        if scenario.create_lost:
            self.vendor.add_fault("drop", moment="after", **CREATE)
        for _ in range(2):
            shipment_planning.ship_claim(claim_id=self.claim_id, now=self.now)
        self.work_queue()
        for _ in range(2 if scenario.is_slow else 1):
            # Moments later: the settle interval has not passed, nor the five minutes between two sweeps.
            self.tick(timedelta(seconds=1), is_swept=False)
        self.go_on()

    def go_on(self) -> None:
        for _ in range(24):
            if self.is_at_rest():
                return
            # The clock here is virtual, a request the vendor is slow with is not.
            time.sleep(max(0.0, self.vendor_busy_until - time.monotonic()))
            self.tick(settle_interval(self.gateway.timeout) + timedelta(seconds=1))

    def tick(self, passed: timedelta, *, is_swept: bool = True) -> None:
        self.now += passed
        with clock.reading(lambda: self.now):
            if is_swept:
                stalled_work.restart_stalled_work(now=self.now)
            self.look_in_doubt()
        self.work_queue()

    def work_queue(self) -> None:
        """Work every waiting job once. One whose worker dies is given to another, as the rescue does."""
        waiting = ProcrastinateJob.objects.filter(status="todo", task_name__startswith="shipping.")
        for job in list(waiting.order_by("id")):
            if _remove(job.pk):
                self.work(job.task_name, job.args)

    def work(self, task: str, arguments: dict[str, Any]) -> None:
        try:
            with clock.reading(lambda: self.now):
                app.tasks[task](**arguments)
        except GatewayError:
            # The queue tries it again, later.
            app.configure_task(task).defer(**arguments)
        except Killed:
            app.configure_task(task).defer(**arguments)

    def look_in_doubt(self) -> None:
        try:
            with clock.reading(lambda: self.now):
                recovery.resolve_purchases(gateway=self.gateway, worker="recovery", now=self.now)
        except Killed:
            pass

    def look_at_the_same_time(self) -> None:
        """Another worker that listed the purchases in doubt a moment before comes to this one too."""
        for purchase in LabelPurchase.objects.filter(shipment__claim=self.claim_id):
            recovery.resolve_purchase(
                purchase_id=purchase.pk, gateway=self.gateway, worker="another", now=self.now
            )

    # What happens at the point.

    def strike(self, point: str) -> None:
        """Stop whoever comes here first: others get at its work, then it is dead or goes on."""
        if self.struck or point != self.scenario.point:
            return
        self.struck = True
        in_the_middle = point.startswith("in the middle")
        if not in_the_middle:
            self.race()
        if self.scenario.end == "killed":
            raise Killed
        if self.scenario.end == "stalled" and not in_the_middle:
            # Stalled, perhaps for hours: the others are through before it goes on.
            self.go_on()

    def race(self) -> None:
        """Another worker on the same job, another recovery, and hands that meddle with the database."""
        self.meddle()
        for purchase in LabelPurchase.objects.filter(shipment__claim=self.claim_id):
            self.work(shipment_planning.BUY_LABEL, {"purchase_id": str(purchase.pk)})
        self.look_in_doubt()

    def meddle(self) -> None:
        """Try what only the database refuses; what it lets in is worked like everything else."""
        for purchase in LabelPurchase.objects.filter(shipment__claim=self.claim_id):
            self.attempt(self.plan_another, purchase)
            self.attempt(self.start_over, purchase)
            self.attempt(self.skip_the_vendors_id, purchase)

    def attempt(self, meddling: Callable[[LabelPurchase], Any], purchase: LabelPurchase) -> None:
        try:
            with transaction.atomic():
                meddling(purchase)
        except DatabaseError:
            pass

    def plan_another(self, purchase: LabelPurchase) -> None:
        """A second intent for the same parcel, as from a planner that forgot the first."""
        LabelPurchase.objects.create(
            id=uuid4(),
            shipment=purchase.shipment,
            generation=purchase.generation + 1,
            mode=purchase.mode,
            price_cap_cents=purchase.price_cap_cents,
            promised_days=purchase.promised_days,
            incoterm=purchase.incoterm,
            created_at=self.now,
        )

    def start_over(self, purchase: LabelPurchase) -> None:
        """A purchase in doubt or bought set back to planned, as by an impatient hand."""
        begun = [PurchaseState.BUYING, PurchaseState.BOUGHT]
        LabelPurchase.objects.filter(pk=purchase.pk, state__in=begun).update(
            state=PurchaseState.PLANNED, vendor_shipment_id=None, lease_until=None, lease_owner=""
        )

    def skip_the_vendors_id(self, purchase: LabelPurchase) -> None:
        """Said to be created without the vendor's id, which no purchase could be made on."""
        planned = LabelPurchase.objects.filter(pk=purchase.pk, state=PurchaseState.PLANNED)
        planned.update(state=PurchaseState.CREATED)

    # The end.

    def is_at_rest(self) -> bool:
        purchases = list(LabelPurchase.objects.filter(shipment__claim=self.claim_id))
        return bool(purchases) and all(
            one.state == PurchaseState.NEEDS_OPERATOR
            or (one.state == PurchaseState.BOUGHT and one.label_sha256)
            for one in purchases
        )

    def faults_found(self) -> list[str]:
        """Whatever is not as it must be when all has come to rest; empty when all is well."""
        scenario, books = self.scenario, self.vendor.state()
        if scenario.point is not None and not self.struck:
            return ["nobody came to the point"]
        purchases = list(
            LabelPurchase.objects.select_related("shipment__claim").filter(shipment__claim=self.claim_id)
        )
        found = []

        def expect(name: str, actual: object, expected: object) -> None:
            if actual != expected:
                found.append(f"{name}: {actual}, expected {expected}")

        expect("labels the vendor sold", books["labels_bought"], 1)
        expect("purchases", len(purchases), 1)
        if len(purchases) != 1:
            return found
        (purchase,) = purchases
        claim = purchase.shipment.claim
        expect("state", purchase.state, PurchaseState.BOUGHT)
        expect("label sealed", bool(purchase.label_sha256), True)
        expect("cents spent", books["spent_cents"], purchase.cost_cents)
        expect("codes", [purchase.tracking_code], [one["tracking_code"] for one in self.vendor.labels()])
        expect("units", accounts_of(claim), ["reserved", "reserved"])
        expect("units of the parcel", purchase.shipment.units.count(), 2)
        expect("movements", movements_of(claim), ["receive", "reserve"])
        expect("labels in the story", claim.events.filter(name=ClaimEvent.Name.LABEL_BOUGHT).count(), 1)
        expect("parcels", Shipment.objects.filter(claim=claim).count(), 1)
        expect("cases", cases_of(purchase), [])
        expect("looks of two at once", self.looked_together, 0)
        # A purchase is sent twice only by one who stalled with it in hand while it was made without him.
        may_ask_again = scenario.end == "stalled" and scenario.point == "about to buy"
        if not may_ask_again:
            expect("second purchases asked for", books["second_purchases_refused"], 0)
        # A creation costs nothing and is repeated when its answer was lost, or is late.
        is_late = scenario.end == "stalled" and scenario.point == POINTS[1]
        is_unheard = scenario.end != "raced" and scenario.point == POINTS[2]
        most = 1 + scenario.create_lost + is_late + is_unheard
        if books["shipments"] > most:
            found.append(f"vendor shipments: {books['shipments']}, expected at most {most}")
        return found


class StruckGateway(EasyPostGateway):
    """The real gateway; calls pass the points before and after them."""

    trial: Trial

    def create_shipment(self, **given: Any) -> Any:
        self.trial.strike("lease taken, shipment not asked for")
        try:
            return super().create_shipment(**given)
        finally:
            self.trial.strike("shipment made, its id not stored")

    def buy(self, shipment_id: str, rate_id: str, **given: Any) -> BoughtLabel:
        self.trial.strike("about to buy")
        if self.trial.scenario.is_slow:
            self.trial.vendor_busy_until = time.monotonic() + SLOW_S * 1.5
        try:
            return super().buy(shipment_id, rate_id, **given)
        finally:
            self.trial.strike("bought, the answer not written down")

    def retrieve(self, shipment_id: str) -> ShipmentStatus:
        trial = self.trial
        trial.looking += 1
        try:
            if trial.looking == 1:
                trial.look_at_the_same_time()
            else:
                trial.looked_together += 1
            return super().retrieve(shipment_id)
        finally:
            trial.looking -= 1

    def fetch_label(self, url: str) -> LabelFile:
        self.trial.strike("bought and written down, label not fetched")
        try:
            return super().fetch_label(url)
        finally:
            self.trial.strike("label fetched, not sealed")


@contextmanager
def points_of(trial: Trial) -> Iterator[None]:
    """Put the remaining points, which lie between commits, into the services' way."""

    def passing(module: Any, name: str, point: str) -> None:
        original = getattr(module, name)

        def passed(*args: Any, **given: Any) -> Any:
            trial.strike(point)
            return original(*args, **given)

        patch.setattr(module, name, passed)

    with pytest.MonkeyPatch.context() as patch:
        passing(rating, "_take", "nothing done")
        passing(purchasing, "_start_attempt", "id and rate stored")
        passing(purchase_transitions, "record_label_bought", "in the middle of writing it down")
        passing(label_files, "store_label", "in the middle of storing")
        patch.setattr(gateways, "carrier_gateway", lambda: trial.gateway)
        yield


def play(
    scenario: Scenario, *, claim_id: int, vendor: Control, api_base: str, now: datetime, **settings: Any
) -> list[str]:
    """Play one scenario and undo it; what was wrong in the end. `settings` are the stand-in's."""
    vendor.reset(now=now)
    vendor.settings(**settings)
    trial = Trial(scenario, claim_id, vendor, api_base, now)
    trial.gateway = StruckGateway(
        api_key="EZTKtests",
        api_base=api_base,
        mode="test",
        timeout_s=SHORT_TIMEOUT_S if scenario.is_slow else TIMEOUT_S,
    )
    trial.gateway.trial = trial
    # No atomic block: the services' own are durable, and must be the outermost.
    before = transaction.savepoint()
    try:
        with points_of(trial):
            forget_jobs()
            trial.play()
            found = trial.faults_found()
    except Exception as error:
        found = [f"{type(error).__name__}: {error}"]
    finally:
        transaction.set_rollback(False)
        transaction.savepoint_rollback(before)
        trial.gateway.close()
    return [f"{scenario}: {one}" for one in found]


def _remove(job_id: int) -> bool:
    """Take a waiting job out of the queue; whether nobody else had."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s AND status = 'todo'", [job_id])
        return bool(cursor.rowcount)
