"""Receiving keys: by serials, by quantity, all or nothing."""

from datetime import timedelta

import pytest

from inventory.errors import BadReceipt, BadSerials, SerialSeenBefore, UnknownSku
from inventory.models import Lot, Movement, Unit
from inventory.services.receiving import receive_stock
from tests.inventory.conftest import NOW, Receive, Snapshot, violations


def test_it_puts_units_into_available(receive: Receive) -> None:
    units = receive(["ab-0001", " AB-0002 "])
    assert [unit.serial for unit in units] == ["AB-0001", "AB-0002"]
    assert {unit.account for unit in units} == {"available"}
    lot = Lot.objects.get()
    assert (lot.key_model.sku, lot.received_at, lot.received_by) == ("KD-A-NFC", NOW, "staff:ada")
    movement = Movement.objects.get(unit=units[0])
    assert (movement.from_account, movement.to_account) == ("supplier", "available")
    assert (movement.reason, movement.reference, movement.actor) == ("receive", lot.reference, "staff:ada")
    assert not violations()


def test_by_quantity_it_makes_tags(receive: Receive) -> None:
    receive_stock(sku="KD-C-NFC", lot_reference="L-9", quantity=300, actor="staff:ada", now=NOW)
    tags = Unit.objects.values_list("serial", flat=True)
    assert len(set(tags)) == 300
    assert all(tag.startswith("KD-") for tag in tags)


def test_a_lot_may_come_in_two_deliveries(receive: Receive) -> None:
    receive(["AB-1"], lot="L-1")
    (later,) = receive(["AB-2"], lot="L-1", now=NOW + timedelta(days=1))
    assert Lot.objects.get().units.count() == 2
    assert later.received_at == NOW + timedelta(days=1)


def test_serials_seen_before_are_all_named_and_nothing_is_received(
    receive: Receive, everything: Snapshot
) -> None:
    receive(["AB-1", "AB-2", "AB-3"])
    before = everything()
    with pytest.raises(SerialSeenBefore) as refusal:
        receive(["AB-9", "ab-3", "AB-1"], sku="KD-C-NFC")
    assert refusal.value.serials == ["AB-1", "AB-3"]
    assert everything() == before
    assert Lot.objects.count() == 1


def test_bad_serials_are_all_named_and_nothing_is_received(receive: Receive) -> None:
    with pytest.raises(BadSerials) as refusal:
        receive(["AB-1", "A B", "AB-2", "AB-1"])
    assert [problem.position for problem in refusal.value.problems] == [1, 3]
    assert not Unit.objects.exists()


def test_an_unknown_sku_is_answered_with_the_known_ones(receive: Receive) -> None:
    with pytest.raises(UnknownSku) as refusal:
        receive(["AB-1"], sku="KD-X")
    assert refusal.value.known == ["KD-A-NFC", "KD-C-NFC"]


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
def test_an_absurd_quantity_is_refused(receive: Receive, quantity: int) -> None:
    with pytest.raises(BadReceipt):
        receive_stock(sku="KD-A-NFC", lot_reference="L", quantity=quantity, actor="staff:ada", now=NOW)


@pytest.mark.parametrize("lot", ["a\nb", "=1", "x" * 81])
def test_a_lot_reference_must_be_plain(receive: Receive, lot: str) -> None:
    with pytest.raises(BadReceipt):
        receive(["AB-1"], lot=lot)


def test_an_empty_list_is_refused(receive: Receive) -> None:
    with pytest.raises(BadReceipt):
        receive([])


def test_a_lot_of_another_key_model_is_refused(receive: Receive, everything: Snapshot) -> None:
    receive(["AB-1"], lot="L-1")
    before = everything()
    with pytest.raises(BadReceipt, match="KD-A-NFC"):
        receive(["AB-2"], lot="L-1", sku="KD-C-NFC")
    assert everything() == before
