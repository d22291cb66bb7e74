"""Packing by scanning: keys into a labelled parcel, then a seal on it.

A scan is one call and takes effect once (idempotent_scans.py). It can be undone until the parcel is on a
manifest. Each call is a transaction of its own and raises FloorErrors, whose messages are displayed.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from fulfillment.shipments.errors import (
    AlreadyDone,
    NotToPack,
    ParcelIncomplete,
    ParcelTaken,
    TooLateToUndo,
    UnknownLabel,
    UnknownScan,
    WrongKey,
    WrongScanKind,
    WrongSeal,
)
from fulfillment.shipments.models import FloorScan, LabelPurchase, ParcelUnit, Shipment
from fulfillment.shipments.rules.states import LABEL_STATES, PurchaseState, ShipmentState
from fulfillment.shipments.services.contents import is_held_for_parcel, sync_contents
from fulfillment.warehouse.rules.scans import (
    ScanKind,
    clean_scan,
    is_seal,
    label_code,
    missing_models,
    next_packing_step,
    scan_kind,
)
from fulfillment.warehouse.services import idempotent_scans
from fulfillment.warehouse.services.idempotent_scans import ScanAnswer
from fulfillment.warehouse.services.unit_swaps import exchange, why_not
from inventory.models import Unit
from inventory.rules import Account, Reason
from inventory.services import movements

Verb = FloorScan.Verb


def pack_unit(
    *, key: str, label: str, serial: str, actor: str, now: datetime, take_over: bool = False
) -> ScanAnswer:
    """Pack a key into the parcel whose label was scanned. Three queries; more when keys are swapped.

    Another key of the same model may replace the reserved one: an available key, or one reserved for another
    parcel, which then gets the replaced key.

    Args:    key: idempotency key, created by the client for each scan; a repeat has no effect.
             label: the bar code of the label, or the parcel's code from the slip.
             take_over: continue a parcel that another person began.
    Raises:  UnknownLabel, WrongScanKind, NotToPack, ParcelTaken, WrongKey, AlreadyDone, MovedMeanwhile;
             UnknownSerial, NotSwappable of the inventory.
    Locks:   the parcel's row; in a swap then both units, oldest first.
    """
    serial, scanned = clean_scan(serial), f"pack {label_code(label)} {clean_scan(serial)}"
    return idempotent_scans.once(
        lambda: _pack(
            key, label=label, serial=serial, scanned=scanned, actor=actor, now=now, take_over=take_over
        ),
        key=key,
        scanned=scanned,
    )


def _pack(
    key: str, *, label: str, serial: str, scanned: str, actor: str, now: datetime, take_over: bool
) -> ScanAnswer:
    if scan_kind(serial) in (ScanKind.PARCEL, ScanKind.SEAL, ScanKind.OTHER):
        raise WrongScanKind(serial, is_a=scan_kind(serial).name.lower(), due="key")
    rows = lock_parcel_for_packing(label)
    shipment = rows[0].shipment
    _check_packable(shipment, rows, actor=actor, take_over=take_over)
    row, replaced = _place_for(serial, rows, shipment, actor=actor, now=now)
    movements.check_move([row.unit], to_account=Account.PACKED, reason=Reason.PACK, reference=None)
    movements.apply(
        [row.unit], to_account=Account.PACKED, reason=Reason.PACK, reference=None, actor=actor, now=now
    )
    done = 1 + sum(other.packed_at is not None for other in rows)
    answer = ScanAnswer(
        key=key,
        verb=Verb.PACK,
        parcel=shipment.code,
        serial=row.unit.serial,
        swapped_for=replaced.serial if replaced else "",
        done=done,
        of=len(rows),
        next=next_packing_step(packed=done, of=len(rows)),
    )
    idempotent_scans.mark_key(
        answer,
        row_id=row.pk,
        was_unit_id=replaced.pk if replaced else row.unit_id,
        shipment_id=shipment.pk,
        unit_id=row.unit_id,
        picked=(row.picked_at, row.picked_by) if row.picked_at else None,
        packed=(now, actor),
        scanned=scanned,
        actor=actor,
        now=now,
    )
    return answer


def seal_parcel(*, key: str, label: str, seal_number: str, actor: str, now: datetime) -> ScanAnswer:
    """Seal a complete parcel with the seal whose number is on its slip. Two queries.

    If its slip was not printed yet, the parcel gets the scanned number.

    Raises: UnknownLabel, NotToPack, ParcelIncomplete, WrongSeal, AlreadyDone.
    Locks:  the parcel's row.
    """
    number, scanned = clean_scan(seal_number), f"seal {label_code(label)} {clean_scan(seal_number)}"
    return idempotent_scans.once(
        lambda: _seal(key, label=label, number=number, scanned=scanned, actor=actor, now=now),
        key=key,
        scanned=scanned,
    )


def _seal(key: str, *, label: str, number: str, scanned: str, actor: str, now: datetime) -> ScanAnswer:
    rows = lock_parcel_for_packing(label)
    shipment = rows[0].shipment
    _check_to_pack(shipment)
    missing = [row.unit.key_model.sku for row in rows if row.packed_at is None]
    if missing:
        raise ParcelIncomplete(shipment.code, missing_models(missing))
    if not is_seal(number):
        raise WrongSeal(number, shipment.code, "a seal number has 4 to 20 characters of A-Z, 0-9 and -.")
    if shipment.seal_number and number != shipment.seal_number:
        raise WrongSeal(
            number,
            shipment.code,
            f"the number on the slip is {shipment.seal_number}. Use that seal, or print the slip again.",
        )
    answer = ScanAnswer(
        key=key,
        verb=Verb.SEAL,
        parcel=shipment.code,
        seal=number,
        done=len(rows),
        of=len(rows),
        next=next_packing_step(packed=len(rows), of=len(rows), is_sealed=True),
    )
    idempotent_scans.mark_seal(
        answer,
        shipment_id=shipment.pk,
        number=number,
        sealed=(now, actor),
        scanned=scanned,
        actor=actor,
        now=now,
    )
    return answer


def undo(*, key: str, scan_key: str, actor: str, now: datetime) -> ScanAnswer:
    """Undo a scan: a picked key, a packed key, or a seal. The key returns to its previous state.

    Args:   key: of this scan; scan_key: of the scan to undo.
    Raises: UnknownScan: not found, or undone already. TooLateToUndo: the parcel is sealed (undo that first),
            on a manifest, or has left.
    Locks:  the parcel's row.
    """
    scanned = f"undo {clean_scan(scan_key)}"
    return idempotent_scans.once(
        lambda: _undo(key, scan_key=scan_key, scanned=scanned, actor=actor, now=now),
        key=key,
        scanned=scanned,
    )


def _undo(key: str, *, scan_key: str, scanned: str, actor: str, now: datetime) -> ScanAnswer:
    scan = FloorScan.objects.filter(key=scan_key, undone_by=None).exclude(verb=Verb.UNDO).first()
    if scan is None or scan.shipment_id is None:
        raise UnknownScan(scan_key)
    rows = _locked(ParcelUnit.objects.filter(shipment=scan.shipment_id))
    shipment = rows[0].shipment
    if shipment.state != ShipmentState.LABELLED or shipment.manifest_id is not None:
        raise TooLateToUndo(
            f"parcel {shipment.code} is on a manifest or has left. Take it off the manifest first."
        )
    if scan.verb == Verb.SEAL:
        answer = _answer_undo(key, shipment, rows, next="seal")
        if shipment.sealed_at is None:
            raise UnknownScan(scan_key)
        idempotent_scans.mark_seal(
            answer,
            shipment_id=shipment.pk,
            number=shipment.seal_number,
            sealed=None,
            scanned=scanned,
            actor=actor,
            now=now,
            undoes=scan.pk,
        )
        return answer
    if shipment.sealed_at is not None:
        raise TooLateToUndo(f"parcel {shipment.code} is sealed. Undo the seal first.")
    row = next((row for row in rows if row.unit_id == scan.unit_id), None)
    if row is None:
        raise UnknownScan(scan_key)
    return _undo_key(key, scan, row, rows, scanned=scanned, actor=actor, now=now)


def _undo_key(
    key: str,
    scan: FloorScan,
    row: ParcelUnit,
    rows: Sequence[ParcelUnit],
    *,
    scanned: str,
    actor: str,
    now: datetime,
) -> ScanAnswer:
    shipment, unit = row.shipment, row.unit
    picked = (row.picked_at, row.picked_by) if row.picked_at else None
    if scan.verb == Verb.PACK:
        movements.check_move([unit], to_account=Account.RESERVED, reason=Reason.UNPACK, reference=None)
        movements.apply(
            [unit], to_account=Account.RESERVED, reason=Reason.UNPACK, reference=None, actor=actor, now=now
        )
        row.packed_at = None
    elif row.packed_at is not None:
        raise TooLateToUndo(f"key {unit.serial} is packed. Undo that first.")
    else:
        picked = None
    answer = _answer_undo(
        key, shipment, rows, next="pack" if scan.verb == Verb.PACK else "pick", serial=unit.serial
    )
    idempotent_scans.mark_key(
        answer,
        row_id=row.pk,
        was_unit_id=unit.pk,
        shipment_id=shipment.pk,
        unit_id=unit.pk,
        picked=picked,
        packed=None,
        scanned=scanned,
        actor=actor,
        now=now,
        undoes=scan.pk,
    )
    return answer


def _answer_undo(
    key: str, shipment: Shipment, rows: Sequence[ParcelUnit], *, next: str, serial: str = ""
) -> ScanAnswer:
    packed = sum(row.packed_at is not None for row in rows)
    return ScanAnswer(
        key=key,
        verb=Verb.UNDO,
        parcel=shipment.code,
        serial=serial,
        seal=shipment.seal_number,
        done=packed,
        of=len(rows),
        next=next,
    )


def lock_parcel_for_packing(label: str) -> list[ParcelUnit]:
    """Lock the parcel with this label or code and return its keys.

    Raises: UnknownLabel, WrongScanKind.
    """
    code = label_code(label)
    thing = scan_kind(code)
    if thing is ScanKind.PARCEL:
        found = ParcelUnit.objects.filter(shipment__code=code)
    elif thing is ScanKind.LABEL:
        found = ParcelUnit.objects.filter(
            shipment__purchases__tracking_code=code, shipment__purchases__state__in=sorted(LABEL_STATES)
        )
    elif thing is ScanKind.OTHER:
        raise UnknownLabel(code)
    else:
        raise WrongScanKind(code, is_a=thing.name.lower(), due="label")
    rows = _locked(found)
    if not rows:
        if Unit.objects.filter(serial=code).exists():
            raise WrongScanKind(code, is_a="key", due="label")
        raise UnknownLabel(code)
    return rows


def _locked(found: QuerySet[ParcelUnit]) -> list[ParcelUnit]:
    """Lock the rows of one parcel and the parcel's own row, so that scans for the same parcel wait here.

    The key rows are locked too; without a lock they would be read as they were before the wait.
    """
    label = LabelPurchase.objects.outbound().filter(
        shipment=OuterRef("shipment"), state__in=sorted(LABEL_STATES)
    )
    return list(
        found.select_related("shipment__claim", "unit__key_model")
        .annotate(label_state=Subquery(label.values("state")[:1]))
        .order_by("pk")
        .select_for_update(of=("self", "shipment"), no_key=True)
    )


def _check_packable(shipment: Shipment, rows: Sequence[ParcelUnit], *, actor: str, take_over: bool) -> None:
    _check_to_pack(shipment)
    if rows[0].label_state != PurchaseState.BOUGHT:  # type: ignore[attr-defined]  # annotated
        raise NotToPack(shipment.code, "a refund has been requested for its label")
    packers = {row.packed_by for row in rows if row.packed_at is not None}
    if packers - {actor} and not take_over:
        raise ParcelTaken(shipment.code, sorted(packers - {actor})[0])


def _check_to_pack(shipment: Shipment) -> None:
    if shipment.state != ShipmentState.LABELLED:
        raise NotToPack(shipment.code, f"it is {ShipmentState(shipment.state).label}")
    if shipment.sealed_at is not None:
        raise AlreadyDone(f"Parcel {shipment.code} is sealed")
    if shipment.claim.held_at is not None:
        raise NotToPack(shipment.code, "its claim is on hold because the payment is disputed. Set it aside")


def _place_for(
    serial: str, rows: list[ParcelUnit], shipment: Shipment, *, actor: str, now: datetime
) -> tuple[ParcelUnit, Unit | None]:
    """The row for a scanned key, and the key it replaced, if any."""
    sync_contents(rows)
    row = next((row for row in rows if row.unit.serial == serial), None)
    if row is None:
        places = [row for row in rows if row.packed_at is None and is_held_for_parcel(row)]
        return exchange(serial, places, goal=shipment.code, actor=actor, now=now)
    if row.packed_at is not None:
        raise AlreadyDone(f"Key {serial} is in this parcel")
    if not is_held_for_parcel(row):
        raise WrongKey(serial, shipment.code, why_not(row.unit))
    return row, None
