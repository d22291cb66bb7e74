"""Moving units: pack, hand over, deliver, lose, return, quarantine, destroy."""

from datetime import timedelta

import pytest

from inventory.errors import MoveNotAllowed, NotHeldByYou, UnknownSerial
from inventory.models import Unit
from inventory.rules import Account, Wanted
from inventory.selectors import custody
from inventory.services.movements import move
from inventory.services.reservations import reserve
from tests.inventory.conftest import NOW, Receive, Snapshot, violations

PATHS = {
    "delivered": [("packed", "pack"), ("in_transit", "hand_over"), ("delivered", "deliver")],
    "lost and found": [
        ("packed", "pack"),
        ("in_transit", "hand_over"),
        ("lost", "lose"),
        ("in_transit", "correct"),
        ("delivered", "deliver"),
        ("in_transit", "correct"),
        ("delivered", "deliver"),
    ],
    "packed and unpacked": [("packed", "pack"), ("reserved", "unpack"), ("available", "cancelled")],
    "came back": [
        ("packed", "pack"),
        ("in_transit", "hand_over"),
        ("returned", "return"),
        ("quarantine", "quarantine"),
    ],
}


def reserved(receive: Receive) -> list[Unit]:
    receive(4)
    return reserve(holder="C-1", wanted=[Wanted(None, 2)], actor="claimant", now=NOW)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_holders_units_go_along_together(receive: Receive, path: list[tuple[str, str]]) -> None:
    units = reserved(receive)
    for hour, (to_account, reason) in enumerate(path, start=1):
        now = NOW + timedelta(hours=hour)
        moved = move(holder="C-1", to_account=to_account, reason=reason, actor="system:test", now=now)
        assert moved == units
        for unit in moved:
            stored = Unit.objects.get(pk=unit.pk)
            assert all(getattr(stored, f.attname) == getattr(unit, f.attname) for f in Unit._meta.fields)
    story = custody(units[0].serial)
    assert [(step.to_account, step.reason) for step in story] == [
        ("available", "receive"),
        ("reserved", "reserve"),
        *path,
    ]
    assert [step.sequence for step in story] == list(range(1, len(story) + 1))
    assert not violations()


def test_units_of_many_holders_are_moved_at_once(receive: Receive) -> None:
    receive(4)
    for holder in ("C-1", "C-2"):
        reserve(holder=holder, wanted=[Wanted(None, 2)], actor="claimant", now=NOW)
    everybody = list(Unit.objects.all())
    moved = move(units=everybody, to_account="packed", reason="pack", actor="staff:ada", now=NOW)
    assert {(unit.account, unit.held_for) for unit in moved} == {("packed", "C-1"), ("packed", "C-2")}
    assert not violations()


def test_what_nobody_holds_moves_under_a_reference(receive: Receive) -> None:
    (unit,) = receive(1)
    move(
        units=[unit.pk],
        to_account="quarantine",
        reason="quarantine",
        reference="count 7",
        actor="staff:ada",
        now=NOW,
    )
    assert [step.reference for step in custody(unit.serial)] == ["L-KD-A-NFC", "count 7"]
    assert not violations()


@pytest.mark.parametrize(
    ("to_account", "reason"),
    [("delivered", "deliver"), ("available", "pack"), ("packed", "hand_over"), ("in_transit", "hand_over")],
)
def test_moves_outside_the_table_change_nothing(
    receive: Receive, everything: Snapshot, to_account: str, reason: str
) -> None:
    reserved(receive)
    before = everything()
    with pytest.raises(MoveNotAllowed) as refusal:
        move(holder="C-1", to_account=to_account, reason=reason, actor="staff:ada", now=NOW)
    assert "packed" in str(refusal.value)
    assert everything() == before


def test_one_unit_that_may_not_move_keeps_all_where_they_are(receive: Receive, everything: Snapshot) -> None:
    units = reserved(receive)
    move(units=units[:1], to_account="packed", reason="pack", actor="staff:ada", now=NOW)
    before = everything()
    with pytest.raises(MoveNotAllowed) as refusal:
        move(holder="C-1", to_account="packed", reason="pack", actor="staff:ada", now=NOW)
    assert refusal.value.serials == [units[0].serial]
    assert everything() == before


def test_only_the_holder_moves_a_held_unit(receive: Receive, everything: Snapshot) -> None:
    units = reserved(receive)
    before = everything()
    with pytest.raises(NotHeldByYou):
        move(
            units=units, to_account=Account.PACKED, reason="pack", reference="C-2", actor="staff:ada", now=NOW
        )
    with pytest.raises(NotHeldByYou):
        move(holder="C-2", to_account=Account.PACKED, reason="pack", actor="staff:ada", now=NOW)
    assert everything() == before


def test_units_that_do_not_exist_are_named(receive: Receive) -> None:
    (unit,) = receive(1)
    with pytest.raises(UnknownSerial):
        move(
            units=[unit.pk, 999_999],
            to_account="quarantine",
            reason="quarantine",
            reference="x",
            actor="staff:ada",
            now=NOW,
        )
    assert Unit.objects.get().account == Account.AVAILABLE


def test_a_clock_that_is_behind_does_not_reorder_a_units_story(receive: Receive) -> None:
    reserved(receive)
    (unit, _) = move(
        holder="C-1", to_account="packed", reason="pack", actor="staff:ada", now=NOW - timedelta(seconds=1)
    )
    assert unit.moved_at == NOW
    assert custody(unit.serial)[-1].moved_at == NOW
