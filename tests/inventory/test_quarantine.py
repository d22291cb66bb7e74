"""What came back never goes out again, and is destroyed with two names."""

import pytest
from django.db import transaction

from inventory.errors import MoveNotAllowed, SelfApproval, UnknownDocument, UnknownSerial
from inventory.models import Unit, WriteOff
from inventory.rules import Wanted
from inventory.services.movements import move
from inventory.services.quarantine import destroy, propose_destruction, quarantine
from inventory.services.reservations import reserve
from tests.inventory.conftest import NOW, Receive, Snapshot, run_sql, violations
from tests.inventory.test_ledger_triggers import refused_by


@pytest.fixture
def delivered(receive: Receive) -> Unit:
    """One key delivered to C-1, another available."""
    receive(["SN-0001", "SN-0002"])
    with transaction.atomic():
        (unit,) = reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=NOW)
    for to_account, reason in (("packed", "pack"), ("in_transit", "hand_over"), ("delivered", "deliver")):
        move(holder="C-1", to_account=to_account, reason=reason, actor="staff:ada", now=NOW)
    return unit


def test_a_key_that_came_back_is_quarantined_and_destroyed_with_two_names(delivered: Unit) -> None:
    quarantine(serials=["sn-0001"], actor="staff:ada", now=NOW, reference="case 9")
    write_off = propose_destruction(serials=["SN-0001"], actor="staff:ada", now=NOW, note="came back")
    destroy(code=write_off.code, actor="staff:bo", now=NOW)
    story = [
        (step.to_account, step.reference, step.actor) for step in delivered.movements.order_by("sequence")
    ]
    assert story[-3:] == [
        ("returned", "C-1", "staff:ada"),
        ("quarantine", "C-1", "staff:ada"),
        ("destroyed", write_off.code, "staff:bo"),
    ]
    assert not violations()


def test_the_same_person_cannot_destroy_what_they_proposed(delivered: Unit, everything: Snapshot) -> None:
    quarantine(serials=["SN-0002"], actor="staff:ada", now=NOW, reference="case 9")
    code = propose_destruction(serials=["SN-0002"], actor="staff:ada", now=NOW).code
    before = everything()
    with pytest.raises(SelfApproval):
        destroy(code=code, actor="staff:ada", now=NOW)
    with refused_by("write_off_has_two_names"):
        run_sql("UPDATE inventory_writeoff SET approved_by = 'staff:ada', approved_at = now()")
    with refused_by("movement_is_signed"):
        move(
            units=list(Unit.objects.filter(serial="SN-0002")),
            to_account="destroyed",
            reason="destroy",
            reference=code,
            actor="staff:bo",
            now=NOW,
        )
    assert everything() == before


def test_only_what_is_quarantined_can_be_proposed_and_nothing_is_added_later(delivered: Unit) -> None:
    with pytest.raises(MoveNotAllowed):
        propose_destruction(serials=["SN-0002"], actor="staff:ada", now=NOW)
    with pytest.raises(UnknownSerial, match="XX-0001"):
        propose_destruction(serials=["SN-0002", "XX-0001"], actor="staff:ada", now=NOW)
    assert not WriteOff.objects.exists()
    quarantine(serials=["SN-0001", "SN-0002"], actor="staff:ada", now=NOW, reference="case 9")
    write_off = propose_destruction(serials=["SN-0002"], actor="staff:ada", now=NOW)
    destroy(code=write_off.code, actor="staff:bo", now=NOW)
    with pytest.raises(UnknownDocument):
        destroy(code=write_off.code, actor="staff:eve", now=NOW)
    for sql, guard in (
        (
            f"INSERT INTO inventory_writeoffunit (write_off_id, unit_id) VALUES ({write_off.pk}, {delivered.pk})",
            "write_off_is_signed_as_it_stands",
        ),
        ("UPDATE inventory_writeoff SET approved_by = 'staff:eve'", "approved_write_off_never_changes"),
        ("DELETE FROM inventory_writeoffunit", "write_off_lines_stay"),
        ("DELETE FROM inventory_writeoff", "write_offs_are_not_deleted"),
    ):
        with refused_by(guard):
            run_sql(sql)


@pytest.mark.parametrize("reason", ["released", "lift_recall", "found", "swap"])
def test_the_database_refuses_every_way_back_from_quarantine(
    delivered: Unit, reason: str, everything: Snapshot
) -> None:
    quarantine(serials=["SN-0001"], actor="staff:ada", now=NOW, reference="case 9")
    before = everything()
    for to_account in ("available", "reserved", "packed", "held", "returned", "in_transit"):
        with (
            pytest.raises(Exception, match=r"movement_is_in_the_table_of_moves|second person"),
            transaction.atomic(),
        ):
            run_sql(
                "INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor, moved_at)"
                " VALUES (%s, 'quarantine', %s, %s, 'C-1', 'staff:x', now())",
                [delivered.pk, to_account, reason],
            )
    assert everything() == before
