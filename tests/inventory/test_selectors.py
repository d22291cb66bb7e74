"""What stands where, now and then."""

from datetime import timedelta

import pytest

from inventory.errors import UnknownSerial
from inventory.rules import Wanted
from inventory.selectors import available_count, custody, stock_as_of, stock_by_model_and_account
from inventory.services.movements import move
from inventory.services.reservations import reserve
from tests.inventory.conftest import NOW, Receive

HOUR = timedelta(hours=1)


def test_stock_as_of_a_moment_adds_up_the_movements_until_then(receive: Receive) -> None:
    receive(3)
    receive(2, sku="KD-C-NFC", now=NOW + HOUR)
    reserve(holder="C-1", wanted=[Wanted(None, 2)], actor="claimant", now=NOW + 2 * HOUR)
    move(holder="C-1", to_account="packed", reason="pack", actor="staff:ada", now=NOW + 3 * HOUR)
    assert stock_as_of(NOW - HOUR) == {}
    assert stock_as_of(NOW) == {"KD-A-NFC": {"available": 3}}
    assert stock_as_of(NOW + 2 * HOUR) == {
        "KD-A-NFC": {"available": 2, "reserved": 1},
        "KD-C-NFC": {"available": 1, "reserved": 1},
    }
    assert stock_as_of(NOW + 9 * HOUR) == stock_by_model_and_account()
    assert stock_by_model_and_account() == {
        "KD-A-NFC": {"available": 2, "packed": 1},
        "KD-C-NFC": {"available": 1, "packed": 1},
    }


def test_what_can_be_had_is_counted_as_far_as_asked(receive: Receive) -> None:
    receive(3)
    receive(2, sku="KD-C-NFC")
    assert available_count() == 5
    assert available_count("KD-C-NFC") == 2
    assert available_count("KD-X") == 0
    assert available_count(at_most=4) == 4
    assert available_count("KD-C-NFC", at_most=4) == 2


def test_custody_finds_a_serial_as_scanned(receive: Receive) -> None:
    receive(["AB-1X"])
    assert [step.to_account for step in custody(" ab-1x ")] == ["available"]
    with pytest.raises(UnknownSerial):
        custody("AB-2X")
