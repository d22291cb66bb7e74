"""Counting a bin blind, and what a second person makes of the differences."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from inventory.errors import (
    BadSerials,
    BinIsBeingCounted,
    CountClosed,
    CountOutdated,
    InsufficientStock,
    NotYourCount,
    SelfApproval,
    UndecidedDifferences,
    UnknownBin,
    UnknownDocument,
    WrongBin,
    WrongCount,
)
from inventory.models import Count, CountState, Difference, Transfer, Unit
from inventory.rules import Wanted
from inventory.selectors import place_of
from inventory.services import bin_transfers
from inventory.services.bin_transfers import put_away
from inventory.services.counts import approve_count, cancel_count, scan, start_count, submit_count
from inventory.services.movements import move
from inventory.services.quarantine import quarantine
from inventory.services.reservations import reserve
from tests.inventory.conftest import NOW, Receive, Snapshot, run_sql, violations
from tests.inventory.test_ledger_triggers import refused_by

CountOf = Callable[..., str]


@pytest.fixture
def shelves(receive: Receive) -> list[str]:
    """Four keys: three in A-01, the last in A-02."""
    bin_transfers.add_warehouse(
        code="MAIN",
        name="Main store",
        bins=["A-01", "A-02"],
        quarantine="Q-01",
        contact_name="Stores",
        street1="1 Store Street",
        city="Delft",
        country="NL",
    )
    serials = ["SN-0001", "SN-0002", "SN-0003", "SN-0004"]
    receive(serials)
    put_away(serials=serials[:3], bin_label="MAIN/A-01", actor="staff:ada", now=NOW)
    put_away(serials=serials[3:], bin_label="MAIN/A-02", actor="staff:ada", now=NOW)
    return serials


@pytest.fixture
def count_of(shelves: list[str]) -> CountOf:
    """The code of a count by Ada of A-01, with these serials scanned, submitted."""

    def count_of(*serials: str, bin_label: str = "MAIN/A-01") -> str:
        count = start_count(bin_label=bin_label, actor="staff:ada", now=NOW)
        scan(code=count.code, serials=serials, actor="staff:ada", now=NOW)
        submit_count(code=count.code, actor="staff:ada", now=NOW)
        return count.code

    return count_of


def unit(serial: str) -> Unit:
    return Unit.objects.get(serial=serial)


def lies_in(serial: str) -> str | None:
    place = place_of(unit(serial))
    return str(place) if place else None


def differences(code: str) -> list[tuple[str, str]]:
    return list(Difference.objects.filter(count__code=code).order_by("serial").values_list("serial", "kind"))


def test_a_count_that_agrees_has_no_differences(count_of: CountOf) -> None:
    code = count_of(" sn-0001", "SN-0002", "SN-0003", "SN-0003")
    assert differences(code) == []
    approve_count(code=code, reasons={}, actor="staff:bo", now=NOW)
    assert Count.objects.get(code=code).state == CountState.APPROVED


def test_differences_are_missing_unexpected_and_unknown(count_of: CountOf) -> None:
    code = count_of("SN-0001", "SN-0004", "XX-9999")
    assert differences(code) == [
        ("SN-0002", "missing"),
        ("SN-0003", "missing"),
        ("SN-0004", "unexpected"),
        ("XX-9999", "unknown"),
    ]


def test_approval_turns_differences_into_movements_and_transfers(count_of: CountOf) -> None:
    code = count_of("SN-0001", "SN-0004", "XX-9999")
    approve_count(
        code=code,
        reasons={"SN-0002": "lost", "SN-0003": "damaged", "SN-0004": "found", "XX-9999": "miscounted"},
        actor="staff:bo",
        now=NOW,
    )
    assert [unit(f"SN-000{n}").account for n in (1, 2, 3, 4)] == [
        "available",
        "missing",
        "quarantine",
        "available",
    ]
    assert [lies_in(f"SN-000{n}") for n in (1, 2, 3, 4)] == ["MAIN/A-01", None, None, "MAIN/A-01"]
    lost = unit("SN-0002").movements.latest("sequence")
    assert (lost.reason, lost.reference, lost.actor) == ("lost", code, "staff:bo")
    assert not violations()


@pytest.mark.parametrize(("reason", "place"), [("miscounted", "MAIN/A-01"), ("data_entry", None)])
def test_a_missing_key_that_is_not_gone_changes_no_account(
    count_of: CountOf, reason: str, place: str | None
) -> None:
    code = count_of("SN-0001", "SN-0002")
    approve_count(code=code, reasons={"SN-0003": reason}, actor="staff:bo", now=NOW)
    assert unit("SN-0003").account == "available"
    assert lies_in("SN-0003") == place
    assert unit("SN-0003").transfers.latest("sequence").reason == reason
    assert not violations()


def test_a_missing_key_that_turns_up_goes_to_quarantine(count_of: CountOf) -> None:
    approve_count(code=count_of("SN-0001", "SN-0002"), reasons={"SN-0003": "lost"}, actor="staff:bo", now=NOW)
    again = count_of("SN-0001", "SN-0002", "SN-0003")
    assert differences(again) == [("SN-0003", "unexpected")]
    approve_count(code=again, reasons={"SN-0003": "found"}, actor="staff:bo", now=NOW)
    assert unit("SN-0003").account == "quarantine"
    assert lies_in("SN-0003") is None
    assert not violations()


def test_a_key_on_the_shelf_that_was_delivered_in_the_books_goes_to_quarantine(count_of: CountOf) -> None:
    with transaction.atomic():
        (held,) = reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=NOW)
    for to_account, reason in (("packed", "pack"), ("in_transit", "hand_over"), ("delivered", "deliver")):
        move(holder="C-1", to_account=to_account, reason=reason, actor="staff:ada", now=NOW)
    code = count_of("SN-0001", "SN-0002", "SN-0003")
    assert differences(code) == [(held.serial, "unexpected")]
    approve_count(code=code, reasons={held.serial: "found"}, actor="staff:bo", now=NOW)
    assert [step.to_account for step in held.movements.order_by("sequence")][-2:] == [
        "returned",
        "quarantine",
    ]
    assert not violations()


def test_the_holder_of_a_lost_key_gets_another(count_of: CountOf) -> None:
    with transaction.atomic():
        (held,) = reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=NOW)
    code = count_of("SN-0003")
    approve_count(code=code, reasons={"SN-0001": "lost", "SN-0002": "lost"}, actor="staff:bo", now=NOW)
    assert held.serial == "SN-0001"
    # Not SN-0002, though it is older: it is missing, too.
    assert [one.serial for one in Unit.objects.held_by("C-1")] == ["SN-0003"]
    assert unit("SN-0001").account == "missing"
    assert not violations()


def test_without_another_key_for_the_holder_nothing_is_written_off(
    count_of: CountOf, everything: Snapshot
) -> None:
    with transaction.atomic():
        reserve(holder="C-1", wanted=[Wanted(None, 4)], actor="claimant", now=NOW)
    code = count_of("SN-0002", "SN-0003")
    before = everything()
    with pytest.raises(InsufficientStock):
        approve_count(code=code, reasons={"SN-0001": "lost"}, actor="staff:bo", now=NOW)
    assert everything() == before
    assert Count.objects.get(code=code).state == CountState.COUNTED


def test_who_counted_cannot_approve(count_of: CountOf, everything: Snapshot) -> None:
    code = count_of("SN-0001", "SN-0002")
    before = everything()
    with pytest.raises(SelfApproval):
        approve_count(code=code, reasons={"SN-0003": "lost"}, actor="staff:ada", now=NOW)
    with refused_by("count_is_not_approved_by_its_counter"):
        run_sql("UPDATE inventory_count SET state = 'approved', approved_by = counted_by")
    assert everything() == before


def test_a_loss_by_hand_needs_a_signed_count(count_of: CountOf, everything: Snapshot) -> None:
    code = count_of("SN-0001", "SN-0002")
    before = everything()
    for actor in ("staff:ada", "staff:bo"):
        with refused_by("movement_is_signed"):
            run_sql(
                "INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor, moved_at)"
                " SELECT id, 'available', 'missing', 'lost', %s, %s, now() FROM inventory_unit WHERE serial = 'SN-0003'",
                [code, actor],
            )
    assert everything() == before


def test_every_difference_needs_a_reason_that_fits(count_of: CountOf, everything: Snapshot) -> None:
    code = count_of("SN-0001", "XX-9999", "SN-0004")
    before = everything()
    with pytest.raises(UndecidedDifferences) as refusal:
        approve_count(
            code=code,
            reasons={"SN-0002": "found", "SN-0004": "found", "XX-9999": "lost", "SN-0001": "lost"},
            actor="staff:bo",
            now=NOW,
        )
    assert refusal.value.wrong == [
        ("SN-0002", "missing", "found"),
        ("SN-0003", "missing", ""),
        ("XX-9999", "unknown", "lost"),
        ("SN-0001", "no difference", "lost"),
    ]
    assert everything() == before


def test_a_key_that_moved_since_is_counted_again(count_of: CountOf, everything: Snapshot) -> None:
    code = count_of("SN-0001", "SN-0002")
    put_away(serials=["SN-0003"], bin_label="MAIN/A-02", actor="staff:eve", now=NOW)
    before = everything()
    with pytest.raises(CountOutdated) as refusal:
        approve_count(code=code, reasons={"SN-0003": "lost"}, actor="staff:bo", now=NOW)
    assert refusal.value.serials == ["SN-0003"]
    assert everything() == before


def test_a_count_before_another_bin_is_refused(shelves: list[str]) -> None:
    count = start_count(bin_label="MAIN/A-01", actor="staff:ada", now=NOW)
    scan(code=count.code, serials=["SN-0004"], actor="staff:ada", now=NOW)
    with pytest.raises(WrongCount, match="MAIN/A-02"):
        submit_count(code=count.code, actor="staff:ada", now=NOW)
    assert not Difference.objects.exists()


def test_one_bin_one_count_one_counter(shelves: list[str]) -> None:
    count = start_count(bin_label="main/a-01", actor="staff:ada", now=NOW)
    with pytest.raises(BinIsBeingCounted, match=r"staff:ada"):
        start_count(bin_label="MAIN/A-01", actor="staff:bo", now=NOW)
    with pytest.raises(NotYourCount):
        scan(code=count.code, serials=["SN-0001"], actor="staff:bo", now=NOW)
    with pytest.raises(BadSerials):
        scan(code=count.code, serials=["=HYPERLINK(1)", "x" * 10_000, "SN-٣٣٣٣"], actor="staff:ada", now=NOW)
    assert not count.scans.exists()
    with pytest.raises(CountClosed):
        approve_count(code=count.code, reasons={}, actor="staff:bo", now=NOW)
    cancel_count(code=count.code, actor="staff:ada", now=NOW)
    with pytest.raises(CountClosed):
        scan(code=count.code, serials=["SN-0001"], actor="staff:ada", now=NOW)
    with pytest.raises(UnknownDocument):
        cancel_count(code="K-NONE", actor="staff:ada", now=NOW)
    start_count(bin_label="MAIN/A-01", actor="staff:bo", now=NOW)


def test_quarantine_lies_by_itself(shelves: list[str], everything: Snapshot) -> None:
    quarantine(serials=["SN-0001"], actor="staff:ada", now=NOW, reference="case 9", bin_label="MAIN/Q-01")
    assert lies_in("SN-0001") == "MAIN/Q-01"
    before = [*everything(), *Transfer.objects.values_list()]
    for serials, label in ((["SN-0001", "SN-0002"], "MAIN/A-02"), (["SN-0002"], "MAIN/Q-01")):
        with pytest.raises(WrongBin):
            put_away(serials=serials, bin_label=label, actor="staff:ada", now=NOW)
        with refused_by("quarantine_lies_by_itself"):
            bin_transfers.transfer(
                list(Unit.objects.filter(serial=serials[0])),
                to_bin=bin_transfers.find_bin(label),
                reason="transfer",
                reference="by hand",
                actor="staff:ada",
                now=NOW,
            )
    with pytest.raises(UnknownBin, match="MAIN/A-01"):
        put_away(serials=["SN-0002"], bin_label="MAIN/Z-99", actor="staff:ada", now=NOW)
    assert [*everything(), *Transfer.objects.values_list()] == before


@pytest.mark.parametrize(
    ("sql", "guard"),
    [
        ("UPDATE inventory_transfer SET to_bin_id = NULL", "transfers_stay"),
        ("DELETE FROM inventory_transfer", "transfers_stay"),
        ("DELETE FROM inventory_scan", "scans_stay"),
        ("DELETE FROM inventory_difference", "differences_are_not_deleted"),
        ("UPDATE inventory_difference SET kind = 'unknown'", "difference_is_decided_once"),
        ("UPDATE inventory_count SET counted_by = 'staff:x'", "closed_count_never_changes"),
        ("UPDATE inventory_count SET state = 'counting'", "closed_count_never_changes"),
        ("DELETE FROM inventory_count", "counts_are_not_deleted"),
        (
            "INSERT INTO inventory_transfer (unit_id, from_bin_id, to_bin_id, reason, reference, actor, moved_at)"
            " SELECT unit_id, NULL, to_bin_id, 'transfer', 'x', 'staff:x', now() FROM inventory_transfer LIMIT 1",
            "transfer_starts_where_the_unit_lies",
        ),
    ],
)
def test_the_database_refuses_to_rewrite_a_count_or_a_transfer(
    count_of: CountOf, sql: str, guard: str
) -> None:
    count_of("SN-0001", "SN-0002")
    with refused_by(guard):
        run_sql(sql)


def test_without_its_constraint_a_counter_could_approve_and_verify_finds_it(count_of: CountOf) -> None:
    code = count_of("SN-0001", "SN-0002")
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    run_sql("ALTER TABLE inventory_count DROP CONSTRAINT count_is_not_approved_by_its_counter")
    run_sql("UPDATE inventory_difference SET reason = 'lost'")
    run_sql("UPDATE inventory_count SET state = 'approved', approved_by = 'staff:ada'")
    run_sql(
        "INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor, moved_at)"
        " SELECT id, 'available', 'missing', 'lost', %s, 'staff:ada', now() FROM inventory_unit WHERE serial = 'SN-0003'",
        [code],
    )
    assert sorted(found.ids[0] for found in violations()) == [
        "SN-0003",
        "count_is_not_approved_by_its_counter",
    ]


def test_two_approvals_at_once_are_one(count_of: CountOf) -> None:
    code = count_of("SN-0001", "SN-0002")
    approve_count(code=code, reasons={"SN-0003": "lost"}, actor="staff:bo", now=NOW)
    with pytest.raises(CountClosed):
        approve_count(code=code, reasons={"SN-0003": "lost"}, actor="staff:eve", now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        run_sql("UPDATE inventory_count SET state = 'cancelled', approved_by = NULL")
