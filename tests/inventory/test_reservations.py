"""Reserving, releasing and swapping, one at a time."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from inventory.default_key_models import ensure_catalogue
from inventory.errors import InsufficientStock, MoveNotAllowed, NotHeldByYou, NotSwappable, UnknownSerial
from inventory.models import KeyModel, Unit
from inventory.rules import Account, Shortage, Wanted
from inventory.services import reservations
from inventory.services.movements import move
from inventory.services.receiving import receive_stock
from inventory.services.reservations import lock_shortage, release, reserve, swap
from tests.inventory.conftest import NOW, Receive, Snapshot, violations

LATER = NOW + timedelta(hours=1)


def take(holder: str, *wanted: tuple[int | None, int], among: list[int] | None = None) -> list[Unit]:
    return reserve(
        holder=holder, wanted=[Wanted(*item) for item in wanted], actor="claimant", now=LATER, among=among
    )


def test_it_holds_the_units_for_the_holder(receive: Receive) -> None:
    receive(3)
    units = take("C-1", (None, 2))
    assert [unit.serial for unit in units] == ["KD-A-NFC-0000", "KD-A-NFC-0001"]
    for unit in units:
        assert (unit.account, unit.held_for, unit.movement_count) == ("reserved", "C-1", 2)
        stored = Unit.objects.get(pk=unit.pk)
        assert all(getattr(stored, f.attname) == getattr(unit, f.attname) for f in Unit._meta.fields)
    assert not violations()


def test_the_oldest_lot_goes_first(receive: Receive) -> None:
    receive(["NEW-1", "NEW-2"], lot="L-2", now=NOW)
    receive(["OLD-1", "OLD-2"], lot="L-1", now=NOW - timedelta(days=9))
    assert [unit.serial for unit in take("C-1", (None, 3))] == ["OLD-1", "OLD-2", "NEW-1"]


def test_a_pair_is_one_of_each_connector(receive: Receive) -> None:
    receive(2)
    receive(2, sku="KD-C-NFC")
    assert sorted(unit.serial for unit in take("C-1", (None, 2))) == ["KD-A-NFC-0000", "KD-C-NFC-0000"]


def test_a_pair_is_two_of_the_same_when_only_that_is_left(receive: Receive) -> None:
    receive(2, sku="KD-C-NFC")
    assert sorted(unit.serial for unit in take("C-1", (None, 2))) == ["KD-C-NFC-0000", "KD-C-NFC-0001"]


def test_any_can_be_kept_to_some_key_models(receive: Receive, catalogue: tuple[KeyModel, KeyModel]) -> None:
    receive(2)
    receive(2, sku="KD-C-NFC")
    units = take("C-1", (None, 2), among=[catalogue[1].pk])
    assert {unit.key_model_id for unit in units} == {catalogue[1].pk}
    with pytest.raises(InsufficientStock):
        take("C-2", (None, 1), among=[])


def test_any_is_never_a_key_model_that_is_not_active(
    receive: Receive, catalogue: tuple[KeyModel, KeyModel]
) -> None:
    receive(2)
    KeyModel.objects.filter(pk=catalogue[0].pk).update(is_active=False)
    with pytest.raises(InsufficientStock):
        take("C-1", (None, 1))
    assert len(take("C-1", (catalogue[0].pk, 1))) == 1


def test_a_shortage_is_told_and_changes_nothing(
    receive: Receive, everything: Snapshot, catalogue: tuple[KeyModel, KeyModel]
) -> None:
    usb_a, usb_c = catalogue
    receive(1)
    receive(5, sku="KD-C-NFC")
    before = everything()
    with pytest.raises(InsufficientStock) as refusal:
        take("C-1", (usb_c.pk, 2), (usb_a.pk, 2))
    assert refusal.value.shortages == (Shortage(usb_a.pk, wanted=2, available=1),)
    assert everything() == before
    with pytest.raises(InsufficientStock) as refusal:
        take("C-1", (None, 7))
    assert refusal.value.shortages == (Shortage(None, wanted=7, available=6),)
    assert everything() == before


def test_it_takes_no_more_queries_than_it_needs(
    receive: Receive, catalogue: tuple[KeyModel, KeyModel], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    receive(4)
    receive(4, sku="KD-C-NFC")
    with django_assert_num_queries(1):  # plan and take
        take("C-1", (None, 2))
    with django_assert_num_queries(1):  # take
        take("C-2", (catalogue[0].pk, 1), (catalogue[1].pk, 1))


def test_released_units_are_available_again_and_first_in_line(receive: Receive) -> None:
    receive(3)
    taken = take("C-1", (None, 2))
    released = release(holder="C-1", actor="claimant", now=LATER, reason="cancelled")
    assert [unit.pk for unit in released] == [unit.pk for unit in taken]
    assert {(unit.account, unit.held_for) for unit in released} == {("available", None)}
    assert [unit.pk for unit in take("C-2", (None, 2))] == [unit.pk for unit in taken]
    assert not violations()


def test_releasing_again_does_nothing(receive: Receive, everything: Snapshot) -> None:
    receive(2)
    take("C-1", (None, 2))
    release(holder="C-1", actor="claimant", now=LATER)
    before = everything()
    assert release(holder="C-1", actor="claimant", now=LATER) == []
    assert everything() == before


def test_what_is_packed_is_not_released(receive: Receive, everything: Snapshot) -> None:
    first, _ = receive(2)
    take("C-1", (None, 2))
    move(units=[first], to_account=Account.PACKED, reason="pack", actor="staff:ada", now=LATER)
    before = everything()
    with pytest.raises(MoveNotAllowed) as refusal:
        release(holder="C-1", actor="claimant", now=LATER)
    assert refusal.value.serials == [first.serial]
    assert everything() == before


def test_a_reason_that_is_none_for_a_release_is_refused(receive: Receive, everything: Snapshot) -> None:
    receive(2)
    take("C-1", (None, 2))
    before = everything()
    with pytest.raises(MoveNotAllowed):
        release(holder="C-1", actor="claimant", now=LATER, reason="because")
    assert everything() == before


def test_the_scanned_unit_replaces_the_reserved_one(receive: Receive) -> None:
    old, other, scanned = receive(3)
    take("C-1", (None, 2))
    swapped = swap(
        holder="C-1", old_serial=old.serial, new_serial=scanned.serial.lower(), actor="staff:ada", now=LATER
    )
    assert swapped == scanned
    assert set(Unit.objects.held_by("C-1")) == {other, scanned}
    assert Unit.objects.get(pk=old.pk).account == Account.AVAILABLE
    assert not violations()


def test_units_reserved_for_two_holders_change_places(receive: Receive) -> None:
    mine, theirs = receive(2)
    take("C-1", (None, 1))
    take("C-2", (None, 1))
    swap(holder="C-1", old_serial=mine.serial, new_serial=theirs.serial, actor="staff:ada", now=LATER)
    assert Unit.objects.get(held_for="C-1") == theirs
    assert Unit.objects.get(held_for="C-2") == mine
    assert not violations()


def test_swaps_that_cannot_be_change_nothing(receive: Receive, everything: Snapshot) -> None:
    mine, also_mine, packed, free = receive(4)
    (other_model,) = receive(1, sku="KD-C-NFC")
    take("C-1", (mine.key_model_id, 2))
    take("C-2", (mine.key_model_id, 1))
    move(holder="C-2", to_account=Account.PACKED, reason="pack", actor="staff:ada", now=LATER)
    before = everything()
    for holder, old, new, error in (
        ("C-1", mine.serial, also_mine.serial, NotSwappable),
        ("C-1", mine.serial, mine.serial, NotSwappable),
        ("C-1", mine.serial, packed.serial, NotSwappable),
        ("C-1", mine.serial, other_model.serial, NotSwappable),
        ("C-1", mine.serial, "NEVER-SEEN", UnknownSerial),
        ("C-1", free.serial, mine.serial, NotHeldByYou),
        ("C-2", packed.serial, free.serial, NotHeldByYou),
        ("C-3", mine.serial, free.serial, NotHeldByYou),
    ):
        with pytest.raises(error):
            swap(holder=holder, old_serial=old, new_serial=new, actor="staff:ada", now=LATER)
        assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nobody_reserves_or_locks(transactional_db: None) -> None:
    with pytest.raises(AssertionError):
        take("C-1", (None, 1))
    with pytest.raises(AssertionError):
        lock_shortage()


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    stock=st.lists(
        st.tuples(st.sampled_from(["usb_a", "usb_c"]), st.integers(0, 3), st.integers(0, 2)), max_size=4
    ),
    named=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2)), max_size=2),
    anything=st.integers(1, 4),
)
def test_the_database_plans_as_the_rule_does(
    stock: list[tuple[str, int, int]], named: list[tuple[int, int]], anything: int
) -> None:
    """The plan stands in two places, for one round trip; here they are held together."""
    with transaction.atomic():
        (template, _) = ensure_catalogue(NOW)
        models = []
        for number, (connector, quantity, age) in enumerate(stock):
            fields = {name: value for name, value in vars(template).items() if name not in {"_state", "id"}}
            models.append(
                KeyModel.objects.create(**(fields | {"sku": f"KD-{number}-T", "connector": connector}))
            )
            if quantity:
                receive_stock(
                    sku=f"KD-{number}-T",
                    lot_reference=f"L-{number}",
                    quantity=quantity,
                    actor="staff:ada",
                    now=NOW + timedelta(hours=age),
                )
        wanted = [Wanted(models[place].pk, quantity) for place, quantity in named if place < len(models)]
        wanted.append(Wanted(None, anything))
        plan = reservations._plan(wanted, among=None)
        taken = reservations._take_at_once(wanted, holder="C-1", actor="claimant", now=NOW, among=None)
        assert Counter(unit.key_model_id for unit in taken) == plan.quantities
        assert bool(taken) != bool(plan.shortages)
        transaction.set_rollback(True)
