"""Reservations that end by themselves, requests served in part, and stock that will not last."""

from datetime import timedelta

import pytest
from django.db import transaction

from inventory.errors import InsufficientStock
from inventory.models import Expiry, KeyModel, StockAlert, Unit
from inventory.rules import Wanted
from inventory.selectors import lot_balances, open_alerts, outlook
from inventory.services.alerts import watch_stock
from inventory.services.expiry import release_expired, set_reservation_expiry
from inventory.services.movements import move
from inventory.services.receiving import receive_stock
from inventory.services.reservations import release, reserve, reserve_in_part
from tests.inventory.conftest import NOW, Receive, violations

HOUR = timedelta(hours=1)


def hold_for(holder: str, quantity: int = 1) -> None:
    with transaction.atomic():
        reserve(holder=holder, wanted=[Wanted(None, quantity)], actor="claimant", now=NOW)


def test_a_reservation_past_its_time_is_given_back(receive: Receive) -> None:
    receive(3)
    for holder, hours in (("C-1", 1), ("C-2", 3)):
        hold_for(holder)
        set_reservation_expiry(holder=holder, expires_at=NOW + hours * HOUR)
    assert release_expired(now=NOW) == []
    assert release_expired(now=NOW + 2 * HOUR) == ["C-1"]
    assert release_expired(now=NOW + 2 * HOUR) == []
    assert list(Unit.objects.exclude(held_for=None).values_list("held_for", flat=True)) == ["C-2"]
    (unit,) = Unit.objects.filter(movement_count=3)
    assert unit.movements.latest("sequence").reason == "expired"
    assert not violations()


def test_what_was_paid_packed_or_given_back_before_does_not_expire(receive: Receive) -> None:
    receive(3)
    for holder in ("C-1", "C-2", "C-3"):
        hold_for(holder)
        set_reservation_expiry(holder=holder, expires_at=NOW)
    set_reservation_expiry(holder="C-1", expires_at=None)
    move(holder="C-2", to_account="packed", reason="pack", actor="staff:ada", now=NOW)
    release(holder="C-3", actor="claimant", now=NOW)
    hold_for("C-3")
    assert release_expired(now=NOW + HOUR) == []
    assert not Expiry.objects.exists()
    assert Unit.objects.exclude(held_for=None).count() == 3


def test_one_now_one_later(receive: Receive, catalogue: tuple[KeyModel, KeyModel]) -> None:
    usb_a, usb_c = catalogue
    receive(1)
    with transaction.atomic():
        units, later = reserve_in_part(
            holder="C-1", wanted=[Wanted(usb_a.pk, 1), Wanted(usb_c.pk, 1)], actor="claimant", now=NOW
        )
    assert [unit.key_model_id for unit in units] == [usb_a.pk]
    assert later == [Wanted(usb_c.pk, 1)]
    with transaction.atomic():
        assert reserve_in_part(holder="C-2", wanted=[Wanted(None, 2)], actor="claimant", now=NOW) == (
            [],
            [Wanted(None, 2)],
        )
    receive(1, sku="KD-C-NFC")
    with transaction.atomic():
        units, later = reserve_in_part(holder="C-2", wanted=[Wanted(None, 2)], actor="claimant", now=NOW)
    assert (len(units), later) == (1, [Wanted(None, 1)])
    assert not violations()


def test_days_left_are_stock_over_what_was_taken_a_day(receive: Receive) -> None:
    receive(20)
    hold_for("C-1", 8)
    release(holder="C-1", actor="claimant", now=NOW)
    hold_for("C-2", 7)
    expected = outlook(now=NOW + HOUR)["KD-A-NFC"]
    assert (expected.available, expected.per_day, expected.days_left) == (13, 0.5, 26.0)
    assert outlook(now=NOW + HOUR)["KD-C-NFC"].days_left is None
    assert outlook(now=NOW + timedelta(days=15))["KD-A-NFC"].days_left is None


def test_an_alert_is_raised_once_and_cleared_when_stock_comes(receive: Receive) -> None:
    receive(10)
    hold_for("C-1", 7)
    (alert,) = watch_stock(now=NOW + HOUR)
    assert (str(alert.key_model), alert.available, alert.days_left) == ("KD-A-NFC", 3, 6.0)
    assert watch_stock(now=NOW + HOUR) == []
    assert open_alerts() == [alert]
    receive([f"MORE-{number:03d}" for number in range(20)], lot="L-2")
    assert watch_stock(now=NOW + 2 * HOUR) == []
    assert open_alerts() == []
    assert StockAlert.objects.get().cleared_at == NOW + 2 * HOUR


def test_a_lot_says_what_came_of_what_was_to_come(catalogue: object) -> None:
    for serials in (["AA-0001", "AA-0002"], ["AA-0003"]):
        receive_stock(
            sku="KD-A-NFC",
            lot_reference="L-1",
            serials=serials,
            expected_quantity=5,
            supplier="Maker",
            purchase_order="PO-7",
            actor="staff:ada",
            now=NOW,
        )
    (balance,) = lot_balances()
    assert (balance.expected, balance.received, balance.discrepancy) == (5, 3, -2)
    assert (balance.purchase_order, balance.sku) == ("PO-7", "KD-A-NFC")


def test_a_refusal_of_the_whole_still_is_one(receive: Receive) -> None:
    receive(1)
    with pytest.raises(InsufficientStock), transaction.atomic():
        reserve(holder="C-1", wanted=[Wanted(None, 2)], actor="claimant", now=NOW)
    assert Unit.objects.available().count() == 1
