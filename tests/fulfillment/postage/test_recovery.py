"""Purchases in doubt, from the first look to the person who must decide (docs/vendors.md § 4.5)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from common import invariants
from fulfillment.cases.models import Case
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services import purchase_transitions
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.purchasing import buy_with_lease as buy_on
from fulfillment.postage.services.rating import create_and_rate
from fulfillment.postage.services.recovery import resolve_purchase, resolve_purchases, unresolved_purchases
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.carrier_values import BoughtLabel
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState
from fulfillment.vendor_failures import Failure
from sandbox.client import Control
from sandbox.server import Sandbox
from tests.fulfillment.conftest import (
    SETTLE,
    WORKER,
    Buy,
    Plan,
    cases_of,
    fresh,
    labels_bought,
    movements_of,
)

pytestmark = pytest.mark.django_db

BUY = {"method": "POST", "path": "/shipments/*/buy"}


@pytest.fixture
def lost(plan: Plan, buy: Buy, vendor: Control) -> LabelPurchase:
    """In doubt: the purchase was lost on its way to the vendor, and nobody knows."""
    vendor.add_fault("drop", **BUY)
    return buy(plan())


@pytest.fixture
def unheard(plan: Plan, buy: Buy, vendor: Control) -> LabelPurchase:
    """In doubt: the label was bought and the answer lost."""
    vendor.add_fault("drop", moment="after", **BUY)
    return buy(plan())


def steps(now: datetime) -> Iterator[datetime]:
    """One moment a settle interval, for as long as anybody wants."""
    at = now
    while True:
        at += SETTLE
        yield at


def test_after_four_attempts_a_person_decides_and_nothing_more_is_bought(
    lost: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.add_fault("drop", count=0, **BUY)
    for at, _ in zip(steps(now), range(12), strict=False):
        resolve_purchases(gateway=gateway, worker=WORKER, now=at)
    purchase = fresh(lost)
    assert (purchase.state, purchase.buy_attempts) == (PurchaseState.NEEDS_OPERATOR, 4)
    assert cases_of(purchase) == [Case.Reason.PURCHASE_UNKNOWN]
    assert vendor.state()["shipments"] == 1
    assert unresolved_purchases(now=now + timedelta(days=9)) == []


def test_a_vendor_that_cannot_be_asked_costs_no_attempt(
    lost: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.add_fault("status", status=503, method="GET", path="/shipments/*", count=3)
    for minute in range(3):
        at = now + SETTLE + timedelta(minutes=minute)
        assert resolve_purchases(gateway=gateway, worker=WORKER, now=at) == 1
    assert fresh(lost).buy_attempts == 1
    for at, _ in zip(steps(now + SETTLE + timedelta(minutes=3)), range(2), strict=False):
        resolve_purchases(gateway=gateway, worker=WORKER, now=at)
    assert (fresh(lost).state, fresh(lost).buy_attempts) == (PurchaseState.BOUGHT, 2)


def test_a_vendor_silent_for_a_day_makes_a_person_decide(
    lost: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.add_fault("status", status=503, method="GET", path="/shipments/*", count=0)
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + timedelta(hours=23))
    assert fresh(lost).state == PurchaseState.BUYING
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + timedelta(hours=24))
    assert fresh(lost).state == PurchaseState.NEEDS_OPERATOR


def test_a_purchase_with_a_person_is_still_adopted_when_its_label_shows(
    unheard: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    purchase_transitions.need_operator(unheard, detail="test", now=now)
    purchase_transitions.adopt_label(fresh(unheard), gateway=gateway, now=now)
    assert fresh(unheard).state == PurchaseState.BOUGHT


def test_a_lease_that_runs_keeps_others_away(
    unheard: LabelPurchase, gateway: EasyPostGateway, now: datetime
) -> None:
    due = now + SETTLE
    LabelPurchase.objects.update(lease_until=due + timedelta(seconds=1))
    state = resolve_purchase(purchase_id=unheard.pk, gateway=gateway, worker="other", now=due)
    assert state == PurchaseState.BUYING


def test_a_late_answer_to_an_adopted_purchase_changes_nothing(
    unheard: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + SETTLE)
    adopted = fresh(unheard)
    assert adopted.vendor_shipment_id
    late = gateway.retrieve(adopted.vendor_shipment_id).label
    assert late is not None
    assert purchase_transitions.record_bought(adopted, label=late, now=now + 2 * SETTLE) is False
    assert fresh(unheard).bought_at == now + SETTLE
    assert movements_of(adopted.shipment.claim) == ["receive", "reserve"]
    assert invariants.verify_all().violations == []


class _RefusedLate(EasyPostGateway):
    """Its purchase is refused late: meanwhile another worker looked twice and tried again."""

    other: EasyPostGateway
    now: datetime

    def buy(self, shipment_id: str, rate_id: str, *, insured_cents: int = 0) -> BoughtLabel:
        for at, _ in zip(steps(self.now), range(2), strict=False):
            resolve_purchases(gateway=self.other, worker="other", now=at)
        raise GatewayError(Failure.PERMANENT, "SHIPMENT.POSTAGE.FAILURE", status=422)


@pytest.fixture
def refused_late(stand_in: Sandbox, gateway: EasyPostGateway, now: datetime) -> Iterator[_RefusedLate]:
    slow = _RefusedLate(api_key="EZTKtests", api_base=stand_in.easypost_url, mode="test", timeout_s=1)
    slow.other, slow.now = gateway, now
    yield slow
    slow.close()


def test_a_late_refusal_of_an_earlier_attempt_does_not_undo_a_later_purchase(
    plan: Plan, vendor: Control, refused_late: _RefusedLate, now: datetime
) -> None:
    purchase = plan()
    buy_label(purchase_id=purchase.pk, gateway=refused_late, worker="slow", now=now)
    assert (fresh(purchase).state, fresh(purchase).buy_attempts) == (PurchaseState.BOUGHT, 2)
    assert cases_of(purchase) == []
    assert labels_bought(vendor, purchase.pk) == 1


def test_a_late_refusal_of_an_earlier_attempt_does_not_end_a_later_one_that_is_in_doubt(
    plan: Plan, vendor: Control, refused_late: _RefusedLate, gateway: EasyPostGateway, now: datetime
) -> None:
    vendor.add_fault("drop", **BUY)
    purchase = plan()
    buy_label(purchase_id=purchase.pk, gateway=refused_late, worker="slow", now=now)
    assert (fresh(purchase).state, fresh(purchase).buy_attempts) == (PurchaseState.BUYING, 2)
    assert cases_of(purchase) == []
    for at, _ in zip(steps(now + 2 * SETTLE), range(2), strict=False):
        resolve_purchases(gateway=gateway, worker=WORKER, now=at)
    assert fresh(purchase).state == PurchaseState.BOUGHT
    assert labels_bought(vendor, purchase.pk) == 1


def test_an_attempt_is_started_by_one_of_two_who_read_the_same_row(
    plan: Plan, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    purchase = plan()
    create_and_rate(purchase, gateway=gateway, worker=WORKER, now=now)
    first, second = fresh(purchase), fresh(purchase)
    buy_on(first, gateway=gateway, worker="one", now=now)
    buy_on(second, gateway=gateway, worker="two", now=now)
    assert fresh(purchase).buy_attempts == 1
    assert vendor.state()["second_purchases_refused"] == 0
