"""How the shipping room fares is seen on /readyz and /metrics, and an endpoint the vendor gave up on is mended."""

from datetime import datetime, timedelta

import pytest
from django.test import Client

from common import clock
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.shipments.models import BuyingPause, LabelPurchase, StrayLabel, VendorFinding
from fulfillment.shipments.rules.states import ShipmentState
from fulfillment.tracking.services.webhook_monitor import watch_webhooks, webhook_url
from sandbox.client import Control
from tests.fulfillment.carrier_events import stored, tracker_event
from tests.fulfillment.conftest import Buy, Plan, fresh

pytestmark = pytest.mark.django_db


def degraded(client: Client, *, at: datetime) -> list[str]:
    with clock.reading(lambda: at):
        answer = client.get("/readyz").json()
    # None of it takes the site off the air.
    assert not set(answer["degraded"]) & set(answer["failed"])
    return list(answer["degraded"])


def metrics(client: Client, *, at: datetime) -> dict[str, float]:
    with clock.reading(lambda: at):
        lines = client.get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture
def well(gateway: EasyPostGateway, now: datetime) -> None:
    """The vendor knows where to send its events, and somebody looked."""
    gateway.ensure_webhook(webhook_url(), "tests-new")
    watch_webhooks(gateway=gateway, now=now)


def test_a_room_that_is_well_says_so(client: Client, well: None, now: datetime) -> None:
    assert degraded(client, at=now) == []
    found = metrics(client, at=now)
    assert found['keydesk_check_ok{check="webhook_endpoint"}'] == 1
    assert (found["keydesk_unclaimed_labels"], found["keydesk_oldest_event_seconds"]) == (0, 0)


def test_an_empty_wallet_is_seen(
    client: Client, well: None, plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    vendor.settings(wallet_cents=1)
    buy(plan())
    assert BuyingPause.objects.count() == 1
    assert degraded(client, at=now) == ["buying_labels"]
    found = metrics(client, at=now)
    assert found['keydesk_buying_paused{reason="wallet"}'] == 1
    assert found['keydesk_label_purchases{state="created"}'] == 1


@pytest.mark.urls("tests.fulfillment.tracking.urls_with_health")
def test_an_event_nobody_works_and_its_lag_are_seen(
    client: Client, well: None, bought: LabelPurchase, now: datetime
) -> None:
    stored(tracker_event(bought, "in_transit", at=now))
    assert degraded(client, at=now + timedelta(minutes=15)) == []
    assert degraded(client, at=now + timedelta(minutes=16)) == ["webhooks_worked"]
    assert metrics(client, at=now + timedelta(minutes=16))["keydesk_oldest_event_seconds"] == 960


def test_a_label_nobody_claims_is_seen(client: Client, well: None, now: datetime) -> None:
    StrayLabel.objects.create(
        vendor_shipment_id="shp_1", carrier="USPS", tracking_code="9400", cost_cents=500, found_at=now
    )
    assert degraded(client, at=now) == ["unclaimed_labels"]
    assert metrics(client, at=now)["keydesk_unclaimed_labels"] == 1


def test_an_endpoint_nobody_looked_at_or_the_vendor_does_not_know_is_seen(
    client: Client, gateway: EasyPostGateway, now: datetime
) -> None:
    assert degraded(client, at=now) == ["webhook_endpoint"]
    watch_webhooks(gateway=gateway, now=now)
    assert degraded(client, at=now) == ["webhook_endpoint"]
    gateway.ensure_webhook(webhook_url(), "tests-new")
    watch_webhooks(gateway=gateway, now=now)
    assert degraded(client, at=now) == []
    assert degraded(client, at=now + timedelta(hours=4)) == ["webhook_endpoint"]


def test_case_13_an_endpoint_disabled_after_an_outage_is_enabled_and_what_was_missed_asked_for(
    client: Client, plan: Plan, buy: Buy, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    # Nothing listens there, so after a day of failures the vendor gives the address up.
    vendor.settings(webhook_timeout_seconds=0.2)
    gateway.ensure_webhook(webhook_url().replace("http://testserver", "http://127.0.0.1:9"), "tests-new")
    hook_id = gateway.ensure_webhook(webhook_url(), "tests-new")
    purchase = buy(plan())
    later = now + timedelta(hours=26)
    vendor.advance_to(later)
    assert any(hook["disabled_at"] for hook in vendor.state()["webhooks"] if hook["id"] == hook_id)

    watch_webhooks(gateway=gateway, now=later)
    assert not VendorFinding.objects.get().is_well
    assert fresh(purchase).shipment.state == ShipmentState.DELIVERED
    assert all(not hook["disabled_at"] for hook in vendor.state()["webhooks"] if hook["id"] == hook_id)
    watch_webhooks(gateway=gateway, now=later)
    assert VendorFinding.objects.get().is_well
