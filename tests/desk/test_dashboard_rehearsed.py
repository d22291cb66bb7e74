"""In a rehearsed programme: what goes wrong is on Today from that moment, beside all that was there before."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from common import clock
from config.health import ROSTER_AGE
from config.models import User
from desk.models import Appointment
from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseKind
from fulfillment.claims.models import Claim
from fulfillment.models import Webhook
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.shipments.models import LabelPurchase, Shipment, VendorFinding
from fulfillment.tracking.services.carrier_events import _apply
from fulfillment.tracking.services.webhook_monitor import WEBHOOK_ENDPOINT
from inventory.models import KeyModel
from inventory.rules import Wanted
from inventory.selectors import outlook
from inventory.services.alerts import watch_stock
from inventory.services.reservations import reserve
from roster.selectors import roster_taken_at
from tests.played import Run

Numbers = Callable[[datetime], dict[str, Any]]


@pytest.fixture
def rehearsed(run: Run, django_db_blocker: Any) -> Iterator[datetime]:
    """The played programme's database in place of the suite's, as it was left; the moment it was left at."""
    with django_db_blocker.unblock():
        own = connection.settings_dict["NAME"]
        _turn_to(run.database)
        try:
            outer = transaction.atomic()
            # As TestCase does: what a service commits is undone all the same.
            outer._from_testcase = True  # type: ignore[attr-defined]
            with outer:
                newest = Claim.objects.order_by("-updated_at").values_list("updated_at", flat=True)[0]
                taken = roster_taken_at()
                assert taken is not None
                yield max(newest, taken)
                transaction.set_rollback(True)
        finally:
            _turn_to(own)


def _turn_to(database: str) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's only
    connection.settings_dict["NAME"] = database


@pytest.fixture
def today(rehearsed: datetime, settings: Any) -> Numbers:
    """The numbers of Today by their labels, and under `text` all it says."""
    settings.STAFF_SECURITY_KEY_REQUIRED = False
    user = User.objects.create(username="viewer", email="viewer@example.org", is_staff=True)
    Appointment.objects.create(user=user, role=Role.VIEWER, appointed_at=rehearsed)
    client = Client()
    client.force_login(user)

    def read(at: datetime) -> dict[str, Any]:
        with clock.reading(lambda: at):
            answer: Any = client.get("/desk/")
        standing = answer.context["standing"]
        counts = {one.label: one.number for group in GROUPS for one in getattr(standing, group)}
        return counts | {"text": answer.content.decode()}

    return read


GROUPS = ("waiting", "late", "wrong")


def test_it_counts_what_the_rehearsal_left(today: Numbers, rehearsed: datetime) -> None:
    shown = today(rehearsed)
    assert shown["Open cases"] == Case.objects.open().of_kind(CaseKind.SHIPMENT).count()
    assert shown["Claims to review"] == Claim.objects.filter(state="in_review").count()
    assert shown["Claims on the waitlist"] == Claim.objects.filter(state="waitlisted").count()
    assert shown["Webhooks not processed"] == 0


def test_a_lost_parcel(today: Numbers, rehearsed: datetime) -> None:
    before = today(rehearsed)["Open cases"]
    parcel = Shipment.objects.filter(state="delivered", cases=None).order_by("pk")[0]
    purchase = LabelPurchase.objects.select_related("shipment").get(shipment=parcel, state="bought")
    said = TrackerState("failure", "lost", rehearsed)
    _apply(purchase, said, said_at=rehearsed, webhook=None, now=rehearsed, is_confirmed=True)
    assert today(rehearsed)["Open cases"] == before + 1


def test_a_dead_webhook(today: Numbers, rehearsed: datetime) -> None:
    """One that is not worked after five minutes, and a vendor that sends none any more."""
    Webhook.objects.create(
        provider="easypost", event_id="evt_dead", kind="tracker.updated", mode="test", occurred_at=rehearsed,
        received_at=rehearsed, body={}, body_sha256="0" * 64,
    )  # fmt: skip
    assert today(rehearsed + timedelta(minutes=6))["Webhooks not processed"] == 1
    finding = "The vendor has no webhook for this site; register it (docs/runbook.md)."
    VendorFinding.objects.update_or_create(
        name=WEBHOOK_ENDPOINT, defaults={"is_well": False, "finding": finding, "checked_at": rehearsed}
    )
    assert finding in today(rehearsed)["text"]


def test_low_stock(today: Numbers, rehearsed: datetime) -> None:
    stock = outlook(now=rehearsed)
    sku = max(stock, key=lambda one: stock[one].available)
    left = stock[sku].available
    assert left > 1
    model = KeyModel.objects.get(sku=sku)
    reserve(holder="C-ALL", wanted=[Wanted(model.pk, left - 1)], actor="staff:ada", now=rehearsed)
    later = rehearsed + timedelta(hours=1)
    watch_stock(now=later)
    assert f"{sku} runs low" in " ".join(today(later)["text"].split())


def test_a_stale_roster(today: Numbers, rehearsed: datetime) -> None:
    taken = roster_taken_at()
    assert taken is not None
    assert "Roster:" not in today(taken + timedelta(hours=1))["text"]
    assert "Roster:" in today(taken + ROSTER_AGE + timedelta(hours=1))["text"]
