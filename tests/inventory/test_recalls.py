"""Recalls: what they are of is held before the next pick, and everyone who has one is known."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from inventory.errors import BadCriteria, InsufficientStock, SelfApproval, UnknownDocument
from inventory.models import KeyModel, Recall, Unit
from inventory.rules import Criteria, Wanted, firmware_between
from inventory.selectors import recall_reach
from inventory.services.movements import move
from inventory.services.recalls import hold_recalled, lift_recall, open_recall, recalled_units
from inventory.services.receiving import receive_stock
from inventory.services.reservations import release, reserve
from tests.inventory.conftest import NOW, Receive, Snapshot, run_sql, violations
from tests.inventory.test_ledger_triggers import refused_by
from tests.inventory.test_reservation_race import in_thread, wait_for

AAGUID = "0bb43545-fd2c-4185-87dd-feb0b2916ace"


@pytest.fixture
def lots(catalogue: tuple[KeyModel, KeyModel]) -> None:
    """Two old USB-A keys, one newer one, and a USB-C key of unknown firmware."""
    KeyModel.objects.filter(sku="KD-A-NFC").update(aaguids=[UUID(AAGUID)])
    for serials, sku, lot, firmware in (
        (["OLD-1", "OLD-2"], "KD-A-NFC", "L-OLD", "5.4.3"),
        (["NEW-1"], "KD-A-NFC", "L-NEW", "5.7.0"),
        (["SEE-1"], "KD-C-NFC", "L-SEE", ""),
    ):
        receive_stock(
            sku=sku, lot_reference=lot, serials=serials, firmware=firmware, actor="staff:ada", now=NOW
        )


def hold_for(holder: str, sku: str = "KD-A-NFC") -> Unit:
    model = KeyModel.objects.get(sku=sku)
    with transaction.atomic():
        (unit,) = reserve(holder=holder, wanted=[Wanted(model.pk, 1)], actor="claimant", now=NOW)
    return unit


def recall(**criteria: Any) -> Recall:
    return open_recall(criteria=Criteria(**criteria), why="side channel", actor="staff:ada", now=NOW).recall


def accounts() -> dict[str, str]:
    return dict(Unit.objects.order_by("serial").values_list("serial", "account"))


@pytest.mark.parametrize(
    ("criteria", "serials"),
    [
        ({"sku": "KD-A-NFC"}, {"OLD-1", "OLD-2", "NEW-1"}),
        ({"lot": "L-NEW"}, {"NEW-1"}),
        ({"firmware_to": "5.6"}, {"OLD-1", "OLD-2"}),
        ({"firmware_from": "5.7"}, {"NEW-1"}),
        ({"firmware_from": "5", "firmware_to": "6", "sku": "KD-C-NFC"}, set()),
        ({"serials": ("OLD-2", "SEE-1")}, {"OLD-2", "SEE-1"}),
        ({"serials": ("OLD-2", "SEE-1"), "sku": "KD-C-NFC"}, {"SEE-1"}),
        ({"aaguid": AAGUID}, {"OLD-1", "OLD-2", "NEW-1"}),
    ],
)
@pytest.mark.usefixtures("lots")
def test_criteria_name_the_units(criteria: dict[str, Any], serials: set[str]) -> None:
    found = recalled_units(Criteria(**criteria))
    assert set(found.values_list("serial", flat=True)) == serials


@pytest.mark.parametrize(
    ("firmware", "first", "last", "inside"),
    [
        ("5.10", "5.9", "", True),
        ("5.7", "5.7.0", "5.7.0", True),
        ("5.7.1", "", "5.7", False),
        ("", "", "9", False),
        ("beta", "", "9", False),
        ("beta", "", "", True),
    ],
)
def test_firmware_is_compared_by_its_numbers(firmware: str, first: str, last: str, inside: bool) -> None:
    assert firmware_between(firmware, first, last) is inside


@pytest.mark.usefixtures("lots")
def test_it_holds_what_is_in_stock_and_knows_who_has_the_rest() -> None:
    hold_for("C-1")
    for to_account, reason in (("packed", "pack"), ("in_transit", "hand_over"), ("delivered", "deliver")):
        move(holder="C-1", to_account=to_account, reason=reason, actor="staff:ada", now=NOW)
    assert hold_for("C-2").serial == "OLD-2"
    found = recall(firmware_to="5.6")
    assert accounts() == {"OLD-1": "delivered", "OLD-2": "held", "NEW-1": "reserved", "SEE-1": "available"}
    assert [unit.serial for unit in Unit.objects.held_by("C-2")] == ["NEW-1"]
    reach = recall_reach(found)
    assert reach.accounts == {"delivered": 1, "held": 1}
    assert (reach.holders, reach.replace, reach.short) == (["C-1", "C-2"], ["C-1"], [])
    assert reach.lots_of_unknown_firmware == ["L-SEE"]
    assert not violations()


@pytest.mark.usefixtures("lots")
def test_one_holder_is_never_given_what_was_taken_from_another() -> None:
    hold_for("C-1")
    hold_for("C-2")
    found = recall(lot="L-OLD")
    assert accounts() == {"OLD-1": "held", "OLD-2": "held", "NEW-1": "reserved", "SEE-1": "available"}
    assert recall_reach(found).short == ["C-2"]
    assert not violations()


@pytest.mark.usefixtures("lots")
def test_a_holder_without_another_key_is_named() -> None:
    hold_for("C-3", sku="KD-C-NFC")
    found = recall(sku="KD-C-NFC")
    assert accounts()["SEE-1"] == "held"
    assert recall_reach(found).short == ["C-3"]
    assert not Unit.objects.held_by("C-3").exists()
    assert not violations()


@pytest.mark.usefixtures("lots")
def test_what_is_held_cannot_be_reserved_and_what_comes_in_later_is_held_too() -> None:
    recall(sku="KD-C-NFC")
    receive_stock(sku="KD-C-NFC", lot_reference="L-SEE-2", serials=["SEE-2"], actor="staff:ada", now=NOW)
    assert accounts()["SEE-2"] == "held"
    with pytest.raises(InsufficientStock), transaction.atomic():
        hold_for("C-4", sku="KD-C-NFC")


@pytest.mark.usefixtures("lots")
def test_a_packed_key_is_listed_and_held_once_it_is_back_in_stock() -> None:
    hold_for("C-1")
    move(holder="C-1", to_account="packed", reason="pack", actor="staff:ada", now=NOW)
    found = recall(lot="L-OLD")
    assert recall_reach(found).packed == ["OLD-1"]
    move(holder="C-1", to_account="reserved", reason="unpack", actor="staff:ada", now=NOW)
    hold_recalled(actor="system:recall", now=NOW)
    assert accounts()["OLD-1"] == "held"
    assert [unit.serial for unit in Unit.objects.held_by("C-1")] == ["NEW-1"]
    assert not violations()


@pytest.mark.usefixtures("lots")
def test_a_second_person_lifts_it_and_only_what_no_other_recall_holds_is_available() -> None:
    first, _second = recall(lot="L-OLD"), recall(serials=("OLD-2",))
    with pytest.raises(SelfApproval):
        lift_recall(code=first.code, actor="staff:ada", now=NOW)
    with refused_by("recall_is_not_lifted_by_who_opened_it"):
        run_sql("UPDATE inventory_recall SET lifted_by = opened_by, lifted_at = now()")
    assert [unit.serial for unit in lift_recall(code=first.code, actor="staff:bo", now=NOW)] == ["OLD-1"]
    assert accounts() == {"OLD-1": "available", "OLD-2": "held", "NEW-1": "available", "SEE-1": "available"}
    with pytest.raises(UnknownDocument):
        lift_recall(code=first.code, actor="staff:bo", now=NOW)
    with refused_by("movement_is_signed"):
        run_sql(
            "INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor, moved_at)"
            " SELECT id, 'held', 'available', 'lift_recall', %s, 'staff:bo', now() FROM inventory_unit"
            " WHERE serial = 'OLD-2'",
            [first.code],
        )
    assert not violations()


@pytest.mark.usefixtures("lots")
@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ({}, "a recall needs a model"),
        ({"firmware_to": "five"}, "'five' is not a firmware version"),
        ({"firmware_from": "6", "firmware_to": "5"}, "ends .5. before it begins .6."),
        ({"aaguid": "x"}, "'x' is not an AAGUID"),
    ],
)
def test_criteria_that_make_no_sense_hold_nothing(
    criteria: dict[str, Any], said: str, everything: Snapshot
) -> None:
    before = everything()
    with pytest.raises(BadCriteria, match=said):
        recall(**criteria)
    assert everything() == before
    assert not Recall.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_key_being_reserved_meanwhile_is_held_all_the_same(
    transactional_db: None, receive: Receive
) -> None:
    receive(["SN-0001", "SN-0002"])
    with transaction.atomic():
        reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=NOW)
        thread, outcome = in_thread(lambda: recall(serials=("SN-0001",)))
        wait_for("transactionid")
        assert not outcome
    thread.join()
    connection.close()
    assert accounts() == {"SN-0001": "held", "SN-0002": "reserved"}
    assert not violations()


@pytest.mark.usefixtures("lots")
def test_a_recall_is_never_rewritten() -> None:
    recall(lot="L-OLD")
    for sql, guard in (
        ("UPDATE inventory_recall SET criteria = '{}'", "recall_never_changes"),
        ("DELETE FROM inventory_recalledunit", "recalled_units_stay"),
        ("DELETE FROM inventory_recall", "recalls_are_not_deleted"),
    ):
        with refused_by(guard):
            run_sql(sql)
    assert release(holder="nobody", actor="staff:ada", now=NOW) == []
