"""Picking, packing and sealing by scanner: what fits goes in, what does not is refused, nothing counts twice."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.claims.models import Campaign
from fulfillment.shipments import errors
from fulfillment.shipments.models import FloorScan, ParcelUnit, Shipment
from fulfillment.vault.addresses import PostalAddress
from fulfillment.warehouse import selectors as floor_reads
from fulfillment.warehouse.services import packing, picking
from inventory.errors import UnknownSerial
from inventory.models import Unit
from inventory.services.quarantine import quarantine
from tests.fulfillment.warehouse.scans import OTHER, PACKER, Floor, people, serials, tracking_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def floor(campaign: Campaign, stock: None, now: datetime) -> Floor:
    return Floor(campaign, now)


@pytest.fixture
def parcels(floor: Floor, tmp_path: Path, address: PostalAddress, now: datetime) -> list[Shipment]:
    """Three labelled parcels of three people."""
    return [floor.label(floor.claim(name, address)) for name in people(tmp_path, 3, now=now)]


def account(serial: str) -> str:
    return Unit.objects.get(serial=serial).account


def spare(model_of: str) -> str:
    """The serial of an available key of the same model."""
    model = Unit.objects.get(serial=model_of).key_model
    unit = Unit.objects.available().filter(key_model=model).first()
    assert unit is not None
    return unit.serial


def queries(context: CaptureQueriesContext) -> int:
    """Without the marks of transactions, which a test has inside its own."""
    marks = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
    return sum(not query["sql"].startswith(marks) for query in context.captured_queries)


def test_keys_are_scanned_into_their_parcel_and_it_is_sealed(parcels: list[Shipment], now: datetime) -> None:
    parcel, label = parcels[0], tracking_code(parcels[0])
    one, two = serials(parcel)
    first = packing.pack_unit(key="scan-0001", label=label, serial=one, actor=PACKER, now=now)
    assert (first.done, first.of, first.next) == (1, 2, "pack")
    # As a scanner reads a USPS label: with the ZIP code in front; and a serial in lower case.
    second = packing.pack_unit(
        key="scan-0002", label=f"42094104{label}\r\n", serial=two.lower(), actor=PACKER, now=now
    )
    assert (second.done, second.of, second.next) == (2, 2, "seal")
    sealed = packing.seal_parcel(
        key="scan-0003", label=label, seal_number="T-ABCD1234", actor=PACKER, now=now
    )
    assert sealed.next == "hand_over"
    assert [account(one), account(two)] == ["packed", "packed"]
    parcel.refresh_from_db()
    assert (parcel.seal_number, parcel.sealed_by, parcel.sealed_at) == ("T-ABCD1234", PACKER, now)


def test_a_scan_is_three_queries(parcels: list[Shipment], now: datetime) -> None:
    label, (one, _) = tracking_code(parcels[0]), serials(parcels[0])
    with CaptureQueriesContext(connection) as context:
        packing.pack_unit(key="scan-0001", label=label, serial=one, actor=PACKER, now=now)
    assert queries(context) == 3
    listed = picking.make_pick_list(actor=PACKER, now=now)
    picking.take_pick_list(code=listed.code, actor=PACKER, now=now)
    next_key = serials(parcels[1])[0]
    with CaptureQueriesContext(connection) as context:
        picking.pick(key="scan-0002", pick_list=listed.code, serial=next_key, actor=PACKER, now=now)
    assert queries(context) == 2


def test_a_scan_sent_twice_counts_once(parcels: list[Shipment], now: datetime) -> None:
    label, (one, two) = tracking_code(parcels[0]), serials(parcels[0])
    scan: dict[str, Any] = {"key": "scan-0001", "label": label, "serial": one, "actor": PACKER, "now": now}
    first, again = packing.pack_unit(**scan), packing.pack_unit(**scan)
    assert not first.is_repeat
    assert again.is_repeat
    assert (again.done, again.serial) == (first.done, first.serial)
    assert FloorScan.objects.count() == 1
    with pytest.raises(errors.ScanKeyReused):
        packing.pack_unit(**(scan | {"serial": two}))
    assert account(two) == "reserved"


def test_a_late_repeat_of_an_undone_scan_does_nothing(parcels: list[Shipment], now: datetime) -> None:
    label, (one, _) = tracking_code(parcels[0]), serials(parcels[0])
    scan: dict[str, Any] = {"key": "scan-0001", "label": label, "serial": one, "actor": PACKER, "now": now}
    packing.pack_unit(**scan)
    packing.undo(key="scan-0002", scan_key="scan-0001", actor=PACKER, now=now)
    assert account(one) == "reserved"
    assert packing.pack_unit(**scan).is_repeat
    assert account(one) == "reserved"


def test_every_step_can_be_undone_in_reverse(parcels: list[Shipment], now: datetime) -> None:
    parcel, label = parcels[0], tracking_code(parcels[0])
    for number, serial in enumerate(serials(parcel)):
        packing.pack_unit(key=f"scan-000{number}", label=label, serial=serial, actor=PACKER, now=now)
    packing.seal_parcel(key="scan-0002", label=label, seal_number="T-ABCD1234", actor=PACKER, now=now)
    with pytest.raises(errors.TooLateToUndo, match="sealed"):
        packing.undo(key="undo-0001", scan_key="scan-0001", actor=PACKER, now=now)
    packing.undo(key="undo-0002", scan_key="scan-0002", actor=PACKER, now=now)
    for number in (1, 0):
        packing.undo(key=f"undo-001{number}", scan_key=f"scan-000{number}", actor=OTHER, now=now)
    with pytest.raises(errors.UnknownScan):
        packing.undo(key="undo-0003", scan_key="scan-0000", actor=PACKER, now=now)
    assert {account(serial) for serial in serials(parcel)} == {"reserved"}
    parcel.refresh_from_db()
    assert parcel.sealed_at is None
    assert not ParcelUnit.objects.filter(packed_at__isnull=False).exists()


def test_a_key_from_the_shelf_takes_the_place_of_the_one_reserved(
    parcels: list[Shipment], now: datetime
) -> None:
    parcel, label = parcels[0], tracking_code(parcels[0])
    reserved = serials(parcel)[0]
    other = spare(reserved)
    answer = packing.pack_unit(key="scan-0001", label=label, serial=other, actor=PACKER, now=now)
    assert answer.swapped_for == reserved
    assert serials(parcel)[0] == other
    assert [account(other), account(reserved)] == ["packed", "available"]


def test_keys_of_two_parcels_change_places(parcels: list[Shipment], now: datetime) -> None:
    one, two = parcels[0], parcels[1]
    mine, theirs = serials(one)[0], serials(two)[0]
    packing.pack_unit(key="scan-0001", label=tracking_code(one), serial=theirs, actor=PACKER, now=now)
    assert serials(one)[0] == theirs
    assert serials(two)[0] == mine
    assert Unit.objects.get(serial=mine).held_for == two.claim.code
    packing.pack_unit(key="scan-0002", label=tracking_code(two), serial=mine, actor=OTHER, now=now)
    assert {account(mine), account(theirs)} == {"packed"}


def test_a_pair_that_does_not_match_is_refused_and_nothing_moves(
    parcels: list[Shipment], now: datetime
) -> None:
    one, two = parcels[0], parcels[1]
    label, keys = tracking_code(one), serials(one)
    packing.pack_unit(key="scan-0001", label=label, serial=keys[0], actor=PACKER, now=now)
    # Its model is no longer wanted here.
    same_model = spare(keys[0])
    gone = spare(keys[1])
    quarantine(serials=[gone], actor=PACKER, now=now, reference="tampered")
    moves = Unit.objects.order_by("pk").values_list("account", "movement_count")
    before = list(moves)
    refused = {
        "wrong_key": same_model,
        "already_done": keys[0],
        "wrong_thing": label,
        "unknown_serial": "NOBODYS-KEY",
    }
    for number, (code, serial) in enumerate(refused.items()):
        with pytest.raises((errors.ScanError, UnknownSerial)) as refusal:
            packing.pack_unit(key=f"scan-100{number}", label=label, serial=serial, actor=PACKER, now=now)
        assert refusal.value.code == code, serial
    for number, serial in enumerate(("", "T-ABCD1234", two.code, "=HYPERLINK(1)", "\x1d")):
        with pytest.raises(errors.WrongScanKind):
            packing.pack_unit(key=f"scan-200{number}", label=label, serial=serial, actor=PACKER, now=now)
    with pytest.raises(errors.WrongKey, match="quarantine"):
        packing.pack_unit(key="scan-3001", label=label, serial=gone, actor=PACKER, now=now)
    for number, (wrong, kind) in enumerate(
        (
            (keys[1], errors.WrongScanKind),
            ("9400100999999999999999", errors.UnknownLabel),
            ("?", errors.UnknownLabel),
        )
    ):
        with pytest.raises(kind):
            packing.pack_unit(key=f"scan-400{number}", label=wrong, serial=keys[1], actor=PACKER, now=now)
    assert list(moves) == before
    assert FloorScan.objects.count() == 1


def test_a_parcel_that_somebody_packs_is_left_to_them(parcels: list[Shipment], now: datetime) -> None:
    label, (one, two) = tracking_code(parcels[0]), serials(parcels[0])
    packing.pack_unit(key="scan-0001", label=label, serial=one, actor=PACKER, now=now)
    with pytest.raises(errors.ParcelTaken, match=PACKER):
        packing.pack_unit(key="scan-0002", label=label, serial=two, actor=OTHER, now=now)
    packing.pack_unit(key="scan-0003", label=label, serial=two, actor=OTHER, now=now, take_over=True)
    assert account(two) == "packed"


def test_a_parcel_is_sealed_when_it_is_complete_and_with_its_own_seal(
    parcels: list[Shipment], now: datetime
) -> None:
    parcel = parcels[0]
    picking.make_pick_list(actor=PACKER, now=now)
    parcel.refresh_from_db()
    label, keys = tracking_code(parcel), serials(parcel)
    packing.pack_unit(key="scan-0001", label=label, serial=keys[0], actor=PACKER, now=now)
    with pytest.raises(errors.ParcelIncomplete, match="1 × KD-"):
        packing.seal_parcel(
            key="scan-0002", label=label, seal_number=parcel.seal_number, actor=PACKER, now=now
        )
    packing.pack_unit(key="scan-0003", label=label, serial=keys[1], actor=PACKER, now=now)
    with pytest.raises(errors.WrongSeal, match=parcel.seal_number):
        packing.seal_parcel(key="scan-0004", label=label, seal_number="T-00000000", actor=PACKER, now=now)
    packing.seal_parcel(key="scan-0005", label=label, seal_number=parcel.seal_number, actor=PACKER, now=now)
    with pytest.raises(errors.AlreadyDone):
        packing.seal_parcel(
            key="scan-0006", label=label, seal_number=parcel.seal_number, actor=PACKER, now=now
        )


def test_a_recalled_key_is_refused_and_its_replacement_taken(parcels: list[Shipment], now: datetime) -> None:
    from inventory.rules import Criteria
    from inventory.services.recalls import open_recall

    parcel, label = parcels[0], tracking_code(parcels[0])
    bad = serials(parcel)[0]
    open_recall(criteria=Criteria(serials=(bad,)), why="cracked", actor="staff:chief", now=now)
    with pytest.raises(errors.WrongKey, match="recalled"):
        packing.pack_unit(key="scan-0001", label=label, serial=bad, actor=PACKER, now=now)
    instead = next(
        unit.serial for unit in Unit.objects.held_by(parcel.claim.code) if unit.serial not in serials(parcel)
    )
    packing.pack_unit(key="scan-0002", label=label, serial=instead, actor=PACKER, now=now)
    assert instead in serials(parcel)
    assert bad not in serials(parcel)


def test_a_list_is_one_persons_and_any_key_of_the_model_will_do(
    parcels: list[Shipment], now: datetime
) -> None:
    made = picking.make_pick_list(actor="staff:lead", now=now, at_most=2)
    with pytest.raises(errors.PickListTaken):
        picking.pick(
            key="scan-0001", pick_list=made.code, serial=serials(parcels[0])[0], actor=PACKER, now=now
        )
    picking.take_pick_list(code=made.code, actor=PACKER, now=now)
    with pytest.raises(errors.PickListTaken, match=PACKER):
        picking.take_pick_list(code=made.code, actor=OTHER, now=now)
    keys = [*serials(parcels[0]), *serials(parcels[1])]
    # One from the shelf, which is not the one reserved; and one of a parcel on no list.
    shelf, elsewhere = spare(keys[0]), serials(parcels[2])[1]
    for number, serial in enumerate((shelf, elsewhere, keys[2])):
        picking.pick(key=f"scan-001{number}", pick_list=made.code, serial=serial, actor=PACKER, now=now)
    with pytest.raises(errors.AlreadyDone):
        picking.pick(key="scan-0020", pick_list=made.code, serial=shelf, actor=PACKER, now=now)
    last = picking.pick(key="scan-0021", pick_list=made.code, serial=keys[3], actor=PACKER, now=now)
    assert (last.done, last.of, last.next) == (4, 4, "pack")
    assert sorted([*serials(parcels[0]), *serials(parcels[1])]) == sorted(
        [shelf, elsewhere, keys[2], keys[3]]
    )
    # The one taken from the third parcel was replaced there.
    assert elsewhere not in serials(parcels[2])
    assert all(Unit.objects.get(serial=one).held_for == parcels[2].claim.code for one in serials(parcels[2]))


def test_a_closed_list_frees_what_nobody_packed(parcels: list[Shipment], now: datetime) -> None:
    made = picking.make_pick_list(actor=PACKER, now=now)
    picking.take_pick_list(code=made.code, actor=PACKER, now=now)
    key = serials(parcels[0])[0]
    packing.pack_unit(key="scan-0001", label=parcels[0].code, serial=key, actor=PACKER, now=now)
    assert picking.close_pick_list(code=made.code, actor=PACKER, now=now) == 2
    assert picking.make_pick_list(actor=PACKER, now=now).shipments.count() == 2
    with pytest.raises(errors.UnknownPickList):
        picking.pick(key="scan-0002", pick_list=made.code, serial=key, actor=PACKER, now=now)


def test_a_list_is_walked_bin_by_bin(parcels: list[Shipment], now: datetime) -> None:
    from inventory.services.bin_transfers import add_warehouse, put_away

    add_warehouse(
        code="MAIN",
        name="Main",
        bins=["A-01", "B-07"],
        quarantine="Q",
        contact_name="Desk",
        street1="1 Road",
        city="Town",
        country="US",
    )
    wanted = [serial for parcel in parcels for serial in serials(parcel)]
    put_away(serials=wanted[::2], bin_label="MAIN/B-07", actor="staff", now=now)
    put_away(serials=wanted[1::2], bin_label="MAIN/A-01", actor="staff", now=now)
    made = picking.make_pick_list(actor=PACKER, now=now)
    picking.take_pick_list(code=made.code, actor=PACKER, now=now)
    picking.pick(key="scan-0001", pick_list=made.code, serial=wanted[1], actor=PACKER, now=now)
    with CaptureQueriesContext(connection) as context:
        walked = floor_reads.pick_route(made.code)
    assert queries(context) == 2
    assert [line.bin for line in walked.lines] == ["MAIN/A-01"] * 3 + ["MAIN/B-07"] * 3
    assert walked.left == 5
    assert next(line for line in walked.lines if line.serial == wanted[1]).is_picked


def test_the_table_shows_a_parcel_without_its_recipient(parcels: list[Shipment], now: datetime) -> None:
    label, (one, _) = tracking_code(parcels[0]), serials(parcels[0])
    packing.pack_unit(key="scan-0001", label=label, serial=one, actor=PACKER, now=now)
    with CaptureQueriesContext(connection) as context:
        shown = floor_reads.parcel_to_pack(label)
    assert queries(context) == 2
    assert [key.is_packed for key in shown.keys] == [True, False]
    assert (shown.packer, shown.country, shown.stop) == (PACKER, "US", "")
    assert "Robin" not in repr(shown)
    with pytest.raises(errors.UnknownLabel):
        floor_reads.parcel_to_pack("S-000000000000")


def test_what_waits_is_counted_by_step(parcels: list[Shipment], now: datetime) -> None:
    assert floor_reads.work_waiting().to_pick == 3
    made = picking.make_pick_list(actor=PACKER, now=now, at_most=2)
    parcel = made.shipments.order_by("pk")[0]
    for number, serial in enumerate(serials(parcel)):
        packing.pack_unit(key=f"scan-000{number}", label=parcel.code, serial=serial, actor=PACKER, now=now)
    packing.seal_parcel(
        key="scan-0009", label=parcel.code, seal_number=parcel.seal_number, actor=PACKER, now=now
    )
    with CaptureQueriesContext(connection) as context:
        found = floor_reads.work_waiting()
    assert queries(context) == 3
    assert (found.to_pick, found.to_pack) == (1, 1)
    assert [(one.carrier, one.parcels) for one in found.to_hand_over] == [("USPS", 1)]
    with CaptureQueriesContext(connection) as context:
        listed = floor_reads.to_pick()
    assert queries(context) == 1
    assert (listed.parcels, listed.lists) == (1, [floor_reads.OpenList(made.code, "", 2, 1)])
