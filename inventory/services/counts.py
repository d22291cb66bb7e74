"""Blind counts of a bin: list the differences, which a second person then resolves."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from common.public_ids import new_code
from inventory.errors import (
    BinIsBeingCounted,
    CountClosed,
    CountOutdated,
    NotYourCount,
    SelfApproval,
    UndecidedDifferences,
    UnknownDocument,
    WrongCount,
)
from inventory.models import (
    Bin,
    Count,
    CountState,
    Difference,
    DifferenceKind,
    Scan,
    Transfer,
    TransferReason,
    Unit,
)
from inventory.rules import SHELVED_ACCOUNTS, Account, Reason, reason_fits
from inventory.services import bin_transfers, movements, quarantine
from inventory.services.reservations import replace
from inventory.services.scan_input import clean_scanned


def start_count(*, bin_label: str, actor: str, now: datetime) -> Count:
    """Open a blind count of a bin: its expected contents are not shown.

    Raises: UnknownBin. BinIsBeingCounted: a bin has one open count at a time.
    """
    target = bin_transfers.find_bin(bin_label)
    while True:
        try:
            with transaction.atomic():
                return Count.objects.create(code=new_code("K"), bin=target, counted_by=actor, started_at=now)
        except IntegrityError as refusal:
            open_ones = Count.objects.filter(bin=target, state__in=[CountState.COUNTING, CountState.COUNTED])
            if other := open_ones.first():
                raise BinIsBeingCounted(str(target), other.code, other.counted_by) from refusal
            # The other count was closed between the two queries, so the bin is free now.


def scan(*, code: str, serials: Sequence[str], actor: str, now: datetime) -> int:
    """Record scanned serials; duplicates count once. Returns the number of new ones.

    Raises: UnknownDocument, CountClosed; NotYourCount: one person counts a bin; BadSerials.
    """
    with transaction.atomic():
        count = _locked(code, CountState.COUNTING)
        if count.counted_by != actor:
            raise NotYourCount(code, count.counted_by)
        before = count.scans.count()
        Scan.objects.bulk_create(
            [Scan(count=count, serial=serial, scanned_at=now) for serial in clean_scanned(serials)],
            ignore_conflicts=True,
        )
        return count.scans.count() - before


def count_bin(*, bin_label: str, serials: Sequence[str], actor: str, now: datetime) -> Count:
    """Start, scan and submit a count in one transaction, for scanners that work offline."""
    with transaction.atomic():
        count = start_count(bin_label=bin_label, actor=actor, now=now)
        scan(code=count.code, serials=serials, actor=actor, now=now)
        submit_count(code=count.code, actor=actor, now=now)
        count.refresh_from_db()
    return count


def submit_count(*, code: str, actor: str, now: datetime) -> list[Difference]:
    """Submit a count and record its differences from the ledger, by serial.

    Raises: UnknownDocument, CountClosed, NotYourCount. WrongCount: all keys scanned belong in another bin.
    """
    with transaction.atomic():
        count = _locked(code, CountState.COUNTING)
        if count.counted_by != actor:
            raise NotYourCount(code, count.counted_by)
        booked = {unit.serial: unit for unit in units_booked_in(count.bin)}
        scanned = set(count.scans.values_list("serial", flat=True))
        known = {unit.serial: unit for unit in Unit.objects.filter(serial__in=scanned)}
        lies_in = bin_transfers.bins_of([*booked.values(), *known.values()])
        _refuse_another_bin(
            count.bin, booked, scanned, {serial: lies_in.get(unit.pk) for serial, unit in known.items()}
        )
        units = booked | known
        found = [
            Difference(
                count=count,
                serial=serial,
                unit=units.get(serial),
                kind=DifferenceKind.MISSING
                if serial in booked
                else DifferenceKind.UNEXPECTED
                if serial in known
                else DifferenceKind.UNKNOWN,
                movement_count=units[serial].movement_count if serial in units else None,
                booked_bin_id=lies_in.get(units[serial].pk) if serial in units else None,
            )
            for serial in sorted(booked.keys() ^ scanned)
        ]
        Difference.objects.bulk_create(found)
        Count.objects.filter(pk=count.pk).update(state=CountState.COUNTED, submitted_at=now)
    return found


def units_booked_in(target: Bin) -> list[Unit]:
    """The units in a bin according to the ledger."""
    here = Transfer.objects.filter(to_bin=target).latest_of_their_units().values("unit_id")
    return list(Unit.objects.filter(pk__in=here, account__in=SHELVED_ACCOUNTS).order_by("serial"))


def _refuse_another_bin(
    target: Bin, booked: Mapping[str, Unit], scanned: set[str], lies_in: Mapping[str, int | None]
) -> None:
    elsewhere = {lies_in.get(serial) for serial in scanned}
    if booked and scanned and not scanned & booked.keys() and len(elsewhere) == 1 and None not in elsewhere:
        (other,) = elsewhere
        raise WrongCount(str(target), str(Bin.objects.select_related("warehouse").get(pk=other or 0)))


def approve_count(*, code: str, reasons: Mapping[str, str], actor: str, now: datetime) -> Count:
    """Approve a count as the second person: resolve every difference in the ledger, or none.

    Args:    reasons: serial → `lost`, `damaged`, `found`, `miscounted` or `data_entry`.
             - A missing key: `lost` (it is gone: account missing; a holder gets another one), `damaged`
               (taken out: quarantine), `miscounted` (it is here after all), `data_entry` (it never was).
             - An unexpected key: `found` or `data_entry` (it is here: this becomes its bin; one that was out,
               lost or missing goes to quarantine), `miscounted` (a scan of something else: nothing moves).
             - An unknown serial: `data_entry` or `miscounted`. To keep it, receive it.
    Raises:  UnknownDocument, CountClosed. SelfApproval: the counter cannot approve. UndecidedDifferences: no
             reason, or one that does not fit; every one. CountOutdated: keys that have moved since: count
             again. InsufficientStock: no key to give the holder of a lost one.
    Locks:   the count, then the units, oldest first.
    """
    with transaction.atomic():
        count = _locked(code, CountState.COUNTED)
        if count.counted_by == actor:
            raise SelfApproval(code, actor)
        differences = list(count.differences.order_by("serial"))
        given = {serial.strip().upper(): reason for serial, reason in reasons.items()}
        _refuse_undecided(differences, given)
        units = {unit.pk: unit for unit in _lock_unmoved(differences)}
        for difference in differences:
            difference.reason = given[difference.serial]
        Difference.objects.bulk_update(differences, ["reason"])
        Count.objects.filter(pk=count.pk).update(state=CountState.APPROVED, approved_by=actor, closed_at=now)
        # Units without a holder first: a missing unit must not be given to a holder as a replacement.
        for difference in sorted(
            differences, key=lambda one: bool(one.unit_id and units[one.unit_id].held_for)
        ):
            if difference.unit_id is not None:
                _settle(difference, units[difference.unit_id], count=count, actor=actor, now=now)
        count.refresh_from_db()
    return count


def cancel_count(*, code: str, actor: str, now: datetime) -> None:
    """Cancel a count. Nothing is moved. Raises: UnknownDocument, CountClosed."""
    with transaction.atomic():
        count = _locked(code, CountState.COUNTING, CountState.COUNTED)
        Count.objects.filter(pk=count.pk).update(state=CountState.CANCELLED, closed_at=now)


def _locked(code: str, *states: CountState) -> Count:
    count = (
        Count.objects.select_for_update(of=["self"])
        .select_related("bin__warehouse")
        .filter(code=code)
        .first()
    )
    if count is None:
        raise UnknownDocument("count", code)
    if count.state not in states:
        raise CountClosed(code, count.get_state_display())
    return count


def _refuse_undecided(differences: Sequence[Difference], given: Mapping[str, str]) -> None:
    wrong = [
        (one.serial, one.kind, given.get(one.serial, ""))
        for one in differences
        if not reason_fits(one.kind, given.get(one.serial, ""))
    ]
    wrong += [
        (serial, "no difference", given[serial])
        for serial in sorted(given.keys() - {one.serial for one in differences})
    ]
    if wrong:
        raise UndecidedDifferences(wrong)


def _lock_unmoved(differences: Sequence[Difference]) -> list[Unit]:
    as_counted: dict[int, Difference] = {one.unit_id: one for one in differences if one.unit_id is not None}
    units = movements.lock_units(as_counted)
    lies_in = bin_transfers.bins_of(units)
    moved = [
        unit.serial
        for unit in units
        if unit.movement_count != as_counted[unit.pk].movement_count
        or lies_in.get(unit.pk) != as_counted[unit.pk].booked_bin_id
    ]
    if moved:
        raise CountOutdated(differences[0].count.code, moved)
    return units


def _settle(difference: Difference, unit: Unit, *, count: Count, actor: str, now: datetime) -> None:
    """Make the movement or transfer that the reason of a difference calls for."""
    if difference.kind == DifferenceKind.MISSING:
        _settle_missing(unit, difference.reason, count=count, actor=actor, now=now)
    elif difference.reason != TransferReason.MISCOUNTED:
        _settle_unexpected(unit, difference.reason, count=count, actor=actor, now=now)


def _settle_missing(unit: Unit, reason: str, *, count: Count, actor: str, now: datetime) -> None:
    if reason == TransferReason.MISCOUNTED:
        bin_transfers.transfer(
            [unit], to_bin=count.bin, reason=reason, reference=count.code, actor=actor, now=now
        )
        return
    if reason == TransferReason.DATA_ENTRY:
        bin_transfers.transfer([unit], to_bin=None, reason=reason, reference=count.code, actor=actor, now=now)
        return
    if unit.account == Account.RESERVED:
        replace(unit=unit, actor=actor, now=now)
    to_account = Account.MISSING if reason == Reason.LOST else Account.QUARANTINE
    if unit.account != to_account:
        movements.check_move([unit], to_account=to_account, reason=reason, reference=count.code)
        movements.apply(
            [unit], to_account=to_account, reason=reason, reference=count.code, actor=actor, now=now
        )
    bin_transfers.transfer(
        [unit], to_bin=None, reason=TransferReason.TRANSFER, reference=count.code, actor=actor, now=now
    )


def _settle_unexpected(unit: Unit, reason: str, *, count: Count, actor: str, now: datetime) -> None:
    if unit.account not in SHELVED_ACCOUNTS:
        quarantine.quarantine(serials=[unit.serial], actor=actor, now=now, reference=count.code)
        unit.refresh_from_db()
    # A unit to be quarantined leaves its bin and has none until it is put into a quarantine bin.
    target = count.bin if bin_transfers.may_lie_in(unit, count.bin) else None
    bin_transfers.transfer([unit], to_bin=target, reason=reason, reference=count.code, actor=actor, now=now)
