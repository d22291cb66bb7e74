"""From the moment something goes wrong it is on Today, and gone from there when it is mended."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from common import clock
from config.health import ROSTER_AGE
from desk.roles import Role
from fulfillment.claims.models import Campaign
from fulfillment.models import RefusedWebhook, Webhook, WebhookOutcome
from fulfillment.shipments.models import VendorFinding
from fulfillment.tracking.services.webhook_monitor import WEBHOOK_ENDPOINT
from inventory.default_key_models import ensure_catalogue
from inventory.rules import Wanted
from inventory.services.alerts import watch_stock
from inventory.services.receiving import receive_stock
from inventory.services.reservations import reserve
from tests.conftest import MakeClaim, Roster
from tests.desk.conftest import StaffWith
from tests.fulfillment.casework.test_shipment_actions import Says, says
from tests.fulfillment.warehouse.scans import Floor

__all__ = ["says"]


@pytest.fixture
def today(staff_with: StaffWith) -> Callable[[datetime], str]:
    """What Today says at a moment, as text."""
    client: Client = staff_with(Role.VIEWER)

    def read(at: datetime) -> str:
        with clock.reading(lambda: at):
            answer: Any = client.get("/desk/")
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))

    return read


def number_of(label: str, shown: str) -> int:
    """The number that Today gives for a label, whichever stands first."""
    found = re.search(rf"{label} (\d+)", shown) or re.search(rf"(\d+)\+? {label}", shown)
    assert found is not None, shown
    return int(found.group(1))


Today = Callable[[datetime], str]


def test_a_lost_parcel(
    campaign: Campaign, stock: None, make_claim: MakeClaim, says: Says, today: Today, now: datetime
) -> None:
    parcel = Floor(campaign, now).label(make_claim())
    says(parcel, "in_transit", days=1)
    assert number_of("Open cases", today(now + timedelta(days=1))) == 0
    says(parcel, "failure", "lost", days=2)
    assert number_of("Open cases", today(now + timedelta(days=2))) >= 1
    assert number_of("Overdue cases", today(now + timedelta(days=60))) >= 1


def test_a_webhook_that_is_refused_or_not_worked(today: Today, now: datetime) -> None:
    assert number_of("Webhooks not processed", today(now)) == 0
    Webhook.objects.create(
        provider="easypost", event_id="evt_1", kind="tracker.updated", mode="test", occurred_at=now,
        received_at=now, body={}, body_sha256="0" * 64,
    )  # fmt: skip
    RefusedWebhook.objects.create(provider="stripe", refused_at=now)
    shown = today(now + timedelta(minutes=6))
    assert number_of("Webhooks not processed", shown) == 1
    assert number_of("Webhooks refused today", shown) == 1


def test_a_webhook_is_missed_however_many_were_worked_before(today: Today, now: datetime) -> None:
    """Up to where all were found worked nobody looks again; what waited then, or came since, is found."""

    def came(number: int, at: datetime) -> Webhook:
        return Webhook.objects.create(
            provider="easypost", event_id=f"evt_{number}", kind="tracker.updated", mode="test", occurred_at=at,
            received_at=at, body={}, body_sha256="0" * 64,
        )  # fmt: skip

    old = [came(number, now - timedelta(hours=3)) for number in range(3)]
    for one in (old[0], old[2]):
        WebhookOutcome.objects.create(webhook=one, result="applied", worked_at=now)
    assert number_of("Webhooks not processed", today(now)) == 1
    assert number_of("Webhooks not processed", today(now)) == 1
    WebhookOutcome.objects.create(webhook=old[1], result="applied", worked_at=now)
    assert number_of("Webhooks not processed", today(now)) == 0
    came(3, now - timedelta(hours=2))
    assert number_of("Webhooks not processed", today(now)) == 1


def test_a_vendor_that_stopped_sending_webhooks(today: Today, now: datetime) -> None:
    finding = "The vendor has no webhook for this site; register it (docs/runbook.md)."
    assert finding not in today(now)
    VendorFinding.objects.create(name=WEBHOOK_ENDPOINT, is_well=False, finding=finding, checked_at=now)
    assert finding in today(now)


def test_stock_that_runs_low(today: Today, now: datetime) -> None:
    model, _ = ensure_catalogue(now)
    receive_stock(sku=model.sku, lot_reference="L", quantity=5, actor="staff:ada", now=now)
    reserve(holder="C-1", wanted=[Wanted(None, 3)], actor="claimant", now=now)
    watch_stock(now=now + timedelta(hours=1))
    assert f"{model.sku} runs low" in today(now + timedelta(hours=1))


def test_a_roster_that_is_stale(roster: Roster, today: Today, now: datetime) -> None:
    fresh, stale = today(now), today(now + ROSTER_AGE + timedelta(hours=1))
    assert "Roster:" not in fresh
    assert "Roster:" in stale


def test_it_takes_at_most_twenty_queries(
    staff_with: StaffWith, stock: None, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = staff_with(Role.MANAGER)
    with django_assert_max_num_queries(29) as found:
        client.get("/desk/")
    assert len(found.captured_queries) <= 20, [query["sql"][:90] for query in found.captured_queries]
