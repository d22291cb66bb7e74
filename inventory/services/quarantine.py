"""Quarantine returned or tampered keys, and destroy quarantined keys with the approval of two people."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from common.public_ids import new_code
from inventory.errors import SelfApproval, UnknownDocument
from inventory.models import Unit, WriteOff, WriteOffUnit
from inventory.rules import Account, Reason
from inventory.services import bin_transfers, movements
from inventory.services.scan_input import lock_scanned

_OUT = (Account.IN_TRANSIT, Account.DELIVERED, Account.LOST)


def quarantine(
    *,
    serials: Sequence[str],
    actor: str,
    now: datetime,
    reference: str,
    bin_label: str | None = None,
    reason: Reason = Reason.QUARANTINE,
) -> list[Unit]:
    """Put scanned keys into quarantine, and into a quarantine bin if one is named; all of them or none.

    Keys outside the building are first recorded as returned, under the reference of their holder.
    If a key has a holder, the holder is the reference of the movement.

    Raises: BadSerials, UnknownSerial, UnknownBin; MoveNotAllowed: destroyed, or not received yet; WrongBin.
    Locks:  the units, oldest first.
    """
    with transaction.atomic():
        units = lock_scanned(serials)
        out = [unit for unit in units if unit.account in _OUT]
        _move(out, Account.RETURNED, Reason.RETURN, reference=None, actor=actor, now=now)
        for account in sorted({unit.account for unit in units}):
            there = [unit for unit in units if unit.account == account]
            why = reason if account in {Account.AVAILABLE, Account.HELD} else Reason.QUARANTINE
            if account == Account.MISSING:
                why = Reason.FOUND
            free = [unit for unit in there if unit.held_for is None]
            held = [unit for unit in there if unit.held_for is not None]
            _move(free, Account.QUARANTINE, why, reference=reference, actor=actor, now=now)
            _move(held, Account.QUARANTINE, why, reference=None, actor=actor, now=now)
        if bin_label is not None:
            bin_transfers.put_away(
                serials=[unit.serial for unit in units],
                bin_label=bin_label,
                actor=actor,
                now=now,
                reference=reference,
            )
    return units


def _move(
    units: Sequence[Unit],
    to_account: Account,
    reason: Reason,
    *,
    reference: str | None,
    actor: str,
    now: datetime,
) -> None:
    if units:
        movements.check_move(units, to_account=to_account, reason=reason, reference=reference)
        movements.apply(
            units, to_account=to_account, reason=reason, reference=reference, actor=actor, now=now
        )


def propose_destruction(*, serials: Sequence[str], actor: str, now: datetime, note: str = "") -> WriteOff:
    """Propose to destroy quarantined keys. Nothing moves until a second person approves.

    Raises: BadSerials, UnknownSerial; MoveNotAllowed: some are not in quarantine.
    """
    with transaction.atomic():
        units = lock_scanned(serials)
        movements.check_move(units, to_account=Account.DESTROYED, reason=Reason.DESTROY, reference=None)
        write_off = WriteOff.objects.create(code=new_code("W"), note=note, proposed_by=actor, proposed_at=now)
        WriteOffUnit.objects.bulk_create([WriteOffUnit(write_off=write_off, unit=unit) for unit in units])
    return write_off


def destroy(*, code: str, actor: str, now: datetime) -> list[Unit]:
    """Approve a write-off as the second person, and destroy its keys.

    Raises: UnknownDocument: no such open write-off. SelfApproval: the actor proposed it.
            MoveNotAllowed: some have left quarantine since.
    Locks:  the write-off, then the units, oldest first.
    """
    with transaction.atomic():
        write_off = WriteOff.objects.select_for_update().filter(code=code, approved_by=None).first()
        if write_off is None:
            raise UnknownDocument("write-off that waits for approval", code)
        if write_off.proposed_by == actor:
            raise SelfApproval(code, actor)
        write_off.approved_by, write_off.approved_at = actor, now
        write_off.save(update_fields=["approved_by", "approved_at"])
        units = movements.lock_units(write_off.lines.values_list("unit_id", flat=True))
        _move(units, Account.DESTROYED, Reason.DESTROY, reference=code, actor=actor, now=now)
    return units
