"""Pick lists: the parcels picked in one walk, and the keys picked for them."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from fulfillment.shipments.errors import (
    AlreadyDone,
    NothingToPick,
    PickListTaken,
    UnknownPickList,
    WrongKey,
    WrongScanKind,
)
from fulfillment.shipments.models import FloorScan, ParcelUnit, PickList, Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.shipments.services.contents import is_held_for_parcel, sync_contents
from fulfillment.shipments.services.seal_numbers import assign_seals
from fulfillment.warehouse.rules.scans import ScanKind, clean_scan, scan_kind
from fulfillment.warehouse.services import idempotent_scans
from fulfillment.warehouse.services.idempotent_scans import ScanAnswer
from fulfillment.warehouse.services.unit_swaps import exchange, why_not
from inventory.models import Unit, Warehouse

Verb = FloorScan.Verb
# As many as one person can carry in one walk.
PARCELS_A_LIST = 50


def make_pick_list(
    *,
    actor: str,
    now: datetime,
    warehouse: Warehouse | None = None,
    at_most: int = PARCELS_A_LIST,
    carrier: str | None = None,
) -> PickList:
    """Create a pick list of labelled parcels on no list, oldest first, and assign their seal numbers.

    Args:   warehouse: only parcels sent from there; None for all.
            carrier: only parcels of this carrier, so that the list becomes one manifest.
    Raises: NothingToPick.
    Locks:  the parcels, skipping those that another transaction is adding to a list.
    """
    with transaction.atomic(durable=True):
        waiting = Shipment.objects.filter(
            state=ShipmentState.LABELLED,
            pick_list=None,
            sealed_at=None,
            manifest=None,
            claim__held_at__isnull=True,
        )
        if warehouse is not None:
            waiting = waiting.filter(warehouse=warehouse)
        # A label with a requested refund must not be used.
        waiting = waiting.filter(purchases__state=PurchaseState.BOUGHT)
        if carrier is not None:
            waiting = waiting.filter(purchases__carrier=carrier, purchases__state=PurchaseState.BOUGHT)
        parcels = list(
            waiting.select_related("claim")
            .order_by("created_at", "id")
            .select_for_update(of=("self",), skip_locked=True, no_key=True)[:at_most]
        )
        if not parcels:
            raise NothingToPick
        made = PickList.objects.create(warehouse=warehouse, created_by=actor, created_at=now)
        Shipment.objects.filter(pk__in=[parcel.pk for parcel in parcels]).update(pick_list=made)
        assign_seals(parcels)
    return made


def take_pick_list(*, code: str, actor: str, now: datetime, take_over: bool = False) -> None:
    """Assign a pick list to a person. One person has it at a time.

    Args:   take_over: reassign it even if another person has it.
    Raises: UnknownPickList. PickListTaken: another person has it.
    Locks:  none; the conditional update decides who gets it.
    """
    free = Q() if take_over else Q(picker="") | Q(picker=actor)
    if not PickList.objects.filter(free, code=code, closed_at=None).update(picker=actor, taken_at=now):
        _own_list(code, actor)


def put_back_pick_list(*, code: str, actor: str, now: datetime) -> PickList:
    """Unassign a pick list; picked keys stay picked.

    Raises: UnknownPickList, PickListTaken.
    """
    _own_list(code, actor)
    PickList.objects.filter(code=code, picker=actor).update(picker="", taken_at=None)
    return PickList.objects.get(code=code)


def close_pick_list(*, code: str, actor: str, now: datetime) -> int:
    """Close a pick list; parcels without any packed key are released for another list. Return how many.

    Raises: UnknownPickList, PickListTaken.
    """
    with transaction.atomic(durable=True):
        mine = _own_list(code, actor)
        begun = ParcelUnit.objects.filter(packed_at__isnull=False).values("shipment")
        left = Shipment.objects.filter(pick_list=mine, state=ShipmentState.LABELLED, sealed_at=None).exclude(
            pk__in=begun
        )
        ParcelUnit.objects.filter(shipment__in=left).update(picked_at=None, picked_by="")
        freed = left.update(pick_list=None)
        PickList.objects.filter(pk=mine.pk).update(closed_at=now)
    return freed


def pick(*, key: str, pick_list: str, serial: str, actor: str, now: datetime) -> ScanAnswer:
    """Pick a key for a list. Two queries; more when it is not a key of the list.

    Any key of a model still needed is accepted and swapped with the listed one, as in packing.

    Args:   key: idempotency key, created by the client for each scan; a repeat has no effect.
    Raises: UnknownPickList, PickListTaken, WrongScanKind, WrongKey, AlreadyDone, MovedMeanwhile;
            UnknownSerial, NotSwappable of the inventory.
    """
    serial = clean_scan(serial)
    scanned = f"pick {pick_list} {serial}"
    return idempotent_scans.once(
        lambda: _pick(key, pick_list, serial=serial, scanned=scanned, actor=actor, now=now),
        key=key,
        scanned=scanned,
    )


def _pick(key: str, code: str, *, serial: str, scanned: str, actor: str, now: datetime) -> ScanAnswer:
    if scan_kind(serial) in (ScanKind.PARCEL, ScanKind.SEAL, ScanKind.OTHER):
        raise WrongScanKind(serial, is_a=scan_kind(serial).name.lower(), due="key")
    rows = _locked_rows(code, actor)
    row, replaced = _place_for(serial, rows, code, actor=actor, now=now)
    done = 1 + sum(_is_picked(other) for other in rows if other is not row)
    answer = ScanAnswer(
        key=key,
        verb=Verb.PICK,
        parcel=row.shipment.code,
        serial=serial,
        swapped_for=replaced.serial if replaced else "",
        done=done,
        of=len(rows),
        next="pick" if done < len(rows) else "pack",
    )
    idempotent_scans.mark_key(
        answer,
        row_id=row.pk,
        was_unit_id=replaced.pk if replaced else row.unit_id,
        shipment_id=row.shipment_id,
        unit_id=row.unit_id,
        picked=(now, actor),
        packed=None,
        scanned=scanned,
        actor=actor,
        now=now,
    )
    return answer


def _locked_rows(code: str, actor: str) -> list[ParcelUnit]:
    """Lock a list and return its keys; concurrent scans for one list wait for each other."""
    rows = list(
        ParcelUnit.objects.filter(
            shipment__pick_list__code=code,
            shipment__pick_list__closed_at=None,
            shipment__state=ShipmentState.LABELLED,
        )
        .select_related("shipment__claim", "shipment__pick_list", "unit__key_model")
        .order_by("shipment__created_at", "shipment_id", "pk")
        .select_for_update(of=("self", "shipment__pick_list"), no_key=True)
    )
    if not rows:
        raise UnknownPickList(code)
    listed = rows[0].shipment.pick_list
    picker = listed.picker if listed else ""
    if picker != actor:
        raise PickListTaken(code, picker)
    sync_contents(rows)
    return rows


def _place_for(
    serial: str, rows: Sequence[ParcelUnit], code: str, *, actor: str, now: datetime
) -> tuple[ParcelUnit, Unit | None]:
    row = next((row for row in rows if row.unit.serial == serial), None)
    if row is None:
        places = [row for row in rows if not _is_picked(row) and is_held_for_parcel(row)]
        return exchange(serial, places, goal=f"{code}", actor=actor, now=now)
    if _is_picked(row):
        raise AlreadyDone(f"Key {serial} is picked for this list")
    if not is_held_for_parcel(row):
        raise WrongKey(serial, row.shipment.code, why_not(row.unit))
    return row, None


def _is_picked(row: ParcelUnit) -> bool:
    return row.picked_at is not None or row.packed_at is not None


def _own_list(code: str, actor: str) -> PickList:
    found = PickList.objects.filter(code=code, closed_at=None).first()
    if found is None:
        raise UnknownPickList(code)
    if found.picker != actor:
        raise PickListTaken(code, found.picker)
    return found
