"""The nightly comparison of the vendor's labels with ours: whatever is sold is claimed, or comes to light."""

from datetime import datetime, timedelta

import pytest

from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.label_reconciliation import audit_labels
from fulfillment.postage.services.rating import create_and_rate
from fulfillment.shipments.models import LabelPurchase, StrayLabel
from fulfillment.shipments.rules.states import PurchaseState
from sandbox.client import Control
from tests.fulfillment.conftest import WORKER, Buy, Plan, fresh

pytestmark = pytest.mark.django_db


def buy_by_hand(gateway: EasyPostGateway, reference: str) -> str:
    """A label bought on the vendor's own pages, or by a worker whose row was lost; its shipment's id."""
    client = gateway._client()
    desk = {"name": "Desk", "street1": "417 Montgomery St", "city": "San Francisco", "state": "CA"}
    desk |= {"zip": "94104", "country": "US"}
    shipment = client.shipment.create(
        to_address=desk, from_address=desk, parcel={"weight": 5.0}, reference=reference
    )
    return str(client.shipment.buy(shipment.id, rate=shipment.lowest_rate()).id)


def test_labels_that_agree_are_counted_to_the_cent(
    plan: Plan, buy: Buy, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    purchases = [buy(plan()), buy(plan("m-second"))]
    found = audit_labels(gateway=gateway, now=now + timedelta(days=1))
    assert found.is_clean
    assert (found.labels, found.cents) == (2, sum(one.cost_cents or 0 for one in purchases))
    assert found.cents == vendor.state()["spent_cents"]


def test_a_label_of_ours_that_no_purchase_claims_is_alarmed_and_given_back(
    gateway: EasyPostGateway, vendor: Control, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    lost = buy_by_hand(gateway, "kd:test:00000000-0000-4000-8000-000000000000")
    found = audit_labels(gateway=gateway, now=now)
    assert (found.stray, found.refunds_asked) == ([lost], [lost])
    assert lost in caplog.text
    later = now + timedelta(days=16)
    vendor.advance_to(later)
    # The test parcel travelled on its own; what counts is that it is asked after, not asked for twice.
    audit_labels(gateway=gateway, now=later)
    stray = StrayLabel.objects.get()
    assert stray.refund_status in ("refunded", "submitted", "rejected")


def test_the_money_of_a_stray_label_that_came_back_settles_it(
    gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(journey="realistic", refund_days=1)
    buy_by_hand(gateway, "kd:test:00000000-0000-4000-8000-000000000000")
    audit_labels(gateway=gateway, now=now)
    later = now + timedelta(days=2)
    vendor.advance_to(later)
    assert audit_labels(gateway=gateway, now=later).refunds_asked == []
    assert StrayLabel.objects.get().settled_at == later
    assert vendor.state()["labels_live"] == 0


def test_a_label_bought_by_hand_is_alarmed_and_left_to_whoever_bought_it(
    gateway: EasyPostGateway, now: datetime
) -> None:
    by_hand = buy_by_hand(gateway, "for Robin Example")
    found = audit_labels(gateway=gateway, now=now)
    assert (found.stray, found.refunds_asked) == ([by_hand], [])
    # What somebody wrote as a reference may be a name.
    assert StrayLabel.objects.get().reference == ""


def test_a_purchase_in_doubt_whose_label_is_listed_is_adopted(
    plan: Plan, gateway: EasyPostGateway, now: datetime
) -> None:
    purchase = plan()
    create_and_rate(purchase, gateway=gateway, worker=WORKER, now=now)
    created = fresh(purchase)
    assert created.vendor_shipment_id
    gateway.buy(created.vendor_shipment_id, created.rate_id)
    found = audit_labels(gateway=gateway, now=now)
    assert found.adopted == [str(purchase.pk)]
    assert found.is_clean
    assert fresh(purchase).state == PurchaseState.BOUGHT


@pytest.mark.parametrize("state", [PurchaseState.RETIRED, PurchaseState.FAILED])
def test_a_purchase_given_up_as_unbought_stays_on_the_watch_list(
    state: str, plan: Plan, gateway: EasyPostGateway, now: datetime
) -> None:
    purchase = plan()
    create_and_rate(purchase, gateway=gateway, worker=WORKER, now=now)
    LabelPurchase.objects.update(state=state)
    created = fresh(purchase)
    assert created.vendor_shipment_id
    gateway.buy(created.vendor_shipment_id, created.rate_id)
    found = audit_labels(gateway=gateway, now=now)
    assert found.stray == [created.vendor_shipment_id]
    assert found.refunds_asked == [created.vendor_shipment_id]


def test_a_label_the_vendor_does_not_list_or_lists_otherwise_is_alarmed(
    plan: Plan, buy: Buy, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    differing, missing = buy(plan()), buy(plan("m-second"))
    LabelPurchase.objects.filter(pk=differing.pk).update(cost_cents=1)
    LabelPurchase.objects.filter(pk=missing.pk).update(vendor_shipment_id=f"shp_{'0' * 32}")
    found = audit_labels(gateway=gateway, now=now + timedelta(days=1))
    assert found.differing == [str(differing.pk)]
    assert found.missing == [str(missing.pk)]
    assert not found.is_clean


def test_a_long_list_is_read_page_by_page(
    gateway: EasyPostGateway, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fulfillment.postage.gateways.easypost.PAGE_SIZE", 2)
    bought = {buy_by_hand(gateway, f"hand {number}") for number in range(5)}
    assert set(audit_labels(gateway=gateway, now=now).stray) == bought
