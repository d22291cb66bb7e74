"""A stand-in for EasyPost in a process of its own, the real gateway to it, and parcels of the standing cast."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from fulfillment.claims.models import Claim
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.rules.purchases import settle_interval
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.models import LabelPurchase
from sandbox.client import Control
from sandbox.server import Sandbox
from tests.conftest import MakeClaim

TIMEOUT_S = 1
SETTLE = settle_interval(timedelta(seconds=TIMEOUT_S))
WORKER = "tests:1"


@pytest.fixture(scope="session")
def vendor_process() -> Iterator[Sandbox]:
    from datetime import UTC

    with Sandbox(start_at=datetime(2022, 7, 11, 12, 0, tzinfo=UTC)) as running:
        yield running


@pytest.fixture(autouse=True)
def _empty_queue(request: pytest.FixtureRequest) -> Iterator[None]:
    """The queue is no table of Django's, so nobody empties it after a test that commits."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        yield
        return
    commits = bool(marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if commits else "db")
    forget_jobs()
    yield
    if commits:
        forget_jobs()


@pytest.fixture
def stand_in(vendor_process: Sandbox, now: datetime) -> Sandbox:
    """The stand-in, empty and without faults, at the moment of the test."""
    vendor_process.control.reset(now=now)
    return vendor_process


@pytest.fixture
def vendor(stand_in: Sandbox) -> Control:
    """The stand-in's strings: its clock, its faults, its books."""
    return stand_in.control


@pytest.fixture
def gateway(stand_in: Sandbox) -> Iterator[EasyPostGateway]:
    made = EasyPostGateway(
        api_key="EZTKtests", api_base=stand_in.easypost_url, mode="test", timeout_s=TIMEOUT_S
    )
    yield made
    made.close()


Plan = Callable[..., LabelPurchase]
Buy = Callable[..., LabelPurchase]


@pytest.fixture
def plan(make_claim: MakeClaim, stock: None, now: datetime) -> Plan:
    """A claim accepted and planned to be shipped; takes what `make_claim` takes."""

    def plan(*args: Any, **given: Any) -> LabelPurchase:
        claim = make_claim(*args, **given)
        purchase = ship_claim(claim_id=claim.pk, now=now)
        assert purchase is not None
        return purchase

    return plan


@pytest.fixture
def buy(gateway: EasyPostGateway, now: datetime) -> Buy:
    """Work the purchase's job once, and return the purchase as it is then."""

    def buy(purchase: LabelPurchase, *, at: datetime | None = None) -> LabelPurchase:
        buy_label(purchase_id=purchase.pk, gateway=gateway, worker=WORKER, now=at or now)
        return fresh(purchase)

    return buy


@pytest.fixture
def bought(plan: Plan, buy: Buy) -> LabelPurchase:
    """A label bought, its parcel waiting for the carrier."""
    return buy(plan())


def fresh(purchase: LabelPurchase) -> LabelPurchase:
    """The purchase as it stands now, with its parcel and claim."""
    return LabelPurchase.objects.select_related("shipment__claim").get(pk=purchase.pk)


def accounts_of(claim: Claim) -> list[str]:
    """Where the claim's units stand."""
    from inventory.models import Unit

    return sorted(Unit.objects.held_by(claim.code).values_list("account", flat=True))


def movements_of(claim: Claim) -> list[str]:
    """The reasons of all moves of the claim's first unit, in order."""
    from inventory.models import Unit

    unit = Unit.objects.held_by(claim.code).order_by("pk").first()
    assert unit is not None
    return list(unit.movements.order_by("sequence").values_list("reason", flat=True))


def waiting_jobs(task: str) -> list[dict[str, Any]]:
    """The arguments of every job of this name that waits to be worked."""
    return list(
        ProcrastinateJob.objects.filter(task_name=task, status="todo")
        .order_by("id")
        .values_list("args", flat=True)
    )


def cases_of(purchase: LabelPurchase) -> list[str]:
    return sorted(purchase.shipment.cases.values_list("reason", flat=True))


def labels_bought(vendor: Control, purchase_id: UUID) -> int:
    """How many labels the vendor sold for a purchase, by the reference we gave."""
    return sum(label["reference"] == f"kd:test:{purchase_id}" for label in vendor.labels())


def forget_jobs() -> None:
    """As if every waiting job had been worked; the tests call the services themselves."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
