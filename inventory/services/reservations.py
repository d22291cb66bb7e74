"""Reserve units for a holder, release them, and exchange one, without overselling or losing a unit."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from config.jobs import wake
from inventory.errors import InsufficientStock, MoveNotAllowed, NotHeldByYou, NotSwappable, UnknownSerial
from inventory.models import Expiry, Unit
from inventory.rules import (
    Account,
    Allocation,
    ModelStock,
    Reason,
    Shortage,
    Wanted,
    move_allowed,
    plan_allocation,
    split_wanted,
    without,
)
from inventory.services import movements

__all__ = [
    "STOCK_CAME_FREE",
    "Wanted",
    "lock_shortage",
    "release",
    "replace",
    "reserve",
    "reserve_in_part",
    "swap",
]

# A job of the app that owns the holders: it runs when units become available.
STOCK_CAME_FREE = "claims.serve_waitlists"

# Serializes requests that find stock short with the jobs that serve the waitlist.
SHORTAGE_LOCK = 0x6B657964_00000001  # "keyd", and the first of our locks

# SQL functions, for few round trips and cached plans; defined in migrations 0002 and 0005.
_STOCK = "SELECT * FROM inventory_stock_for(%s, %s, %s)"
UNIT_FIELDS = [field.attname for field in Unit._meta.concrete_fields]
_TAKE = f"SELECT {', '.join(UNIT_FIELDS)} FROM inventory_take_units(%s, %s, %s, %s, %s, %s)"  # noqa: S608 - columns
_TAKE_ANY = _TAKE.replace("inventory_take_units(", "inventory_reserve_any(%s, ")


def reserve(
    *,
    holder: str,
    wanted: Sequence[Wanted],
    actor: str,
    now: datetime,
    among: Collection[int] | None = None,
) -> list[Unit]:
    """Reserve units for a holder, all that are wanted or none, oldest first.

    Part of the caller's transaction, which may call it once, or more often after `lock_shortage()`. Do
    not wrap it in a savepoint: rolling that back would release the shortage lock.

    Args:    wanted: units of named key models, and of any (see `rules.plan_allocation` for the mix).
             among: the key models allowed for "any"; None for all active ones.
    Returns: the units, reserved.
    Raises:  InsufficientStock: nothing has changed, and the shortage lock is held until the caller's
             transaction ends, so that transactions that free units see a place on a waitlist taken now.
    Locks:   the units taken. The first attempt does not wait. It may find too few because others
             hold units that they are about to release, for instance when two requests took one each of the
             last two. So before refusing, it releases its own locks, takes the shortage lock and
             waits for the others row by row. Only one request at a time does that, and those it waits
             for do not wait, so there is no deadlock.
    """
    assert connection.in_atomic_block, "reserve() is part of its caller's transaction"
    wanted = [Wanted(*item) for item in wanted]
    assert wanted, "a reservation wants something"
    if units := _take_at_once(wanted, holder=holder, actor=actor, now=now, among=among):
        return units
    lock_shortage()
    while True:
        plan = _plan(wanted, among=among)
        if plan.shortages:
            raise InsufficientStock(plan.shortages)
        if units := _take(plan, holder=holder, actor=actor, now=now, may_wait=True):
            return units
        # Others took the units just counted, so stock is lower now and the loop ends.


def reserve_in_part(
    *,
    holder: str,
    wanted: Sequence[Wanted],
    actor: str,
    now: datetime,
    among: Collection[int] | None = None,
) -> tuple[list[Unit], list[Wanted]]:
    """Reserve the available part of what is wanted, and return the rest.

    Returns: the units, reserved (maybe none), and the rest. When there is a rest, the shortage lock is held
             until the caller's transaction ends, as after a refusal of `reserve`.
    """
    now_wanted, later = list(wanted), Counter[int | None]()
    while now_wanted:
        try:
            units = reserve(holder=holder, wanted=now_wanted, actor=actor, now=now, among=among)
        except InsufficientStock as refusal:
            # The quantity wanted only decreases, so the loop ends.
            now_wanted, missing = without(now_wanted, refusal.shortages)
            later.update(missing)
        else:
            break
    else:
        units = []
    return units, [Wanted(model, quantity) for model, quantity in later.items()]


def lock_shortage() -> None:
    """Serialize decisions about missing stock until this transaction ends.

    A transaction that puts a request on a waitlist holds it (`reserve` took it). One that frees
    units and serves the waitlist takes it in between: then either it sees the new place, or the
    new request sees the free units.
    """
    assert connection.in_atomic_block, "the lock lasts as long as the transaction"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SHORTAGE_LOCK])


def _take_at_once(
    wanted: Sequence[Wanted], *, holder: str, actor: str, now: datetime, among: Collection[int] | None
) -> list[Unit]:
    """First attempt in one round trip, without waiting. None, with no lock kept, when there are too few."""
    named, anything = split_wanted(wanted)
    if not anything:
        # Named models need no count: taking units shows whether there are enough.
        return _take(Allocation(named), holder=holder, actor=actor, now=now, may_wait=False)
    choice = None if among is None else list(among)
    return _taken(_TAKE_ANY, [list(named), list(named.values()), anything, choice, holder, actor, now])


def _plan(wanted: Sequence[Wanted], *, among: Collection[int] | None) -> Allocation:
    named, anything = split_wanted(wanted)
    with connection.cursor() as cursor:
        choice = None if among is None else list(among)
        cursor.execute(_STOCK, [list(named), choice, sum(named.values()) + anything])
        stock = [ModelStock(*row) for row in cursor.fetchall()]
    return plan_allocation(wanted, stock)


def _take(plan: Allocation, *, holder: str, actor: str, now: datetime, may_wait: bool) -> list[Unit]:
    """The reserved units, oldest first; none, with no lock kept, when there were too few."""
    models = sorted(plan.quantities)
    quantities = [plan.quantities[model] for model in models]
    return _taken(_TAKE, [models, quantities, holder, actor, now, may_wait])


def _taken(sql: str, parameters: Sequence[Any]) -> list[Unit]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        taken = [Unit.from_db(connection.alias, UNIT_FIELDS, row) for row in cursor.fetchall()]
    return sorted(taken, key=lambda unit: (unit.received_at, unit.pk))


def release(*, holder: str, actor: str, now: datetime, reason: str = Reason.RELEASED) -> list[Unit]:
    """Make a holder's reserved units available again; having none is not an error.

    Units of the holder that have been shipped are left unchanged.

    Raises: MoveNotAllowed: some are packed (unpack them first), or the reason does not fit.
    Locks:  the holder's units, oldest first.
    After commit: a job serves the waitlists (see `lock_shortage`).
    """
    with transaction.atomic():
        # Before the units, as in every service that ends a reservation.
        Expiry.objects.filter(holder=holder).delete()
        held = movements.lock_held(holder)
        stuck = [unit.serial for unit in held if unit.account == Account.PACKED]
        reserved = [unit for unit in held if unit.account == Account.RESERVED]
        if stuck or (reserved and not move_allowed(Account.RESERVED, Account.AVAILABLE, reason)):
            raise MoveNotAllowed(
                serials=stuck or [unit.serial for unit in reserved],
                from_account=Account.PACKED if stuck else Account.RESERVED,
                to_account=Account.AVAILABLE,
                reason=reason,
            )
        if reserved:
            movements.apply(
                reserved, to_account=Account.AVAILABLE, reason=reason, reference=holder, actor=actor, now=now
            )
            wake(STOCK_CAME_FREE)
    return reserved


def replace(*, unit: Unit, actor: str, now: datetime) -> Unit:
    """Give the holder of a reserved unit the oldest available one of the same key model instead.

    Part of the caller's transaction, which has locked the unit; the unit is available then.

    Raises: InsufficientStock: there is no other; nothing has changed.
    Locks:  the other unit; locked units are skipped.
    """
    assert unit.account == Account.RESERVED, "only a reserved unit is replaced"
    others = Unit.objects.available().filter(key_model=unit.key_model_id).exclude(pk=unit.pk)
    other = others.in_lock_order().select_for_update(no_key=True, skip_locked=True).first()
    if other is None:
        raise InsufficientStock([Shortage(unit.key_model_id, 1, 0)])
    _exchange(unit, other, actor=actor, now=now)
    return other


def swap(*, holder: str, old_serial: str, new_serial: str, actor: str, now: datetime) -> Unit:
    """Give the holder the scanned unit instead of the reserved one; returns the scanned one.

    If the scanned unit is reserved for another holder, that one gets the first unit in exchange.

    Raises: UnknownSerial. NotHeldByYou: the old unit is not reserved for this holder.
            NotSwappable: another key model, or the scanned unit is neither available nor reserved.
    Locks:  both units, oldest first.
    """
    with transaction.atomic():
        old, new = _lock_pair(old_serial, new_serial)
        if old.held_for != holder or old.account != Account.RESERVED:
            raise NotHeldByYou(holder, [old.serial])
        if new.held_for == holder:
            raise NotSwappable(f"{new.serial} is reserved for {holder} already.")
        if old.key_model_id != new.key_model_id:
            raise NotSwappable(f"{new.serial} is another key model than {old.serial}. Scan one of the same.")
        if new.account not in {Account.AVAILABLE, Account.RESERVED}:
            raise NotSwappable(f"{new.serial} stands in {new.account}. Scan one that is in stock.")
        _exchange(old, new, actor=actor, now=now)
    return new


def _lock_pair(old_serial: str, new_serial: str) -> tuple[Unit, Unit]:
    serials = {old_serial.strip().upper(), new_serial.strip().upper()}
    locked = {
        unit.serial: unit
        for unit in Unit.objects.filter(serial__in=serials).in_lock_order().select_for_update(no_key=True)
    }
    for serial in (old_serial, new_serial):
        if serial.strip().upper() not in locked:
            raise UnknownSerial(serial)
    return locked[old_serial.strip().upper()], locked[new_serial.strip().upper()]


def _exchange(old: Unit, new: Unit, *, actor: str, now: datetime) -> None:
    """Move through `available`, so that each move is in the table. Other transactions cannot see this."""
    holder, other_holder = old.held_for, new.held_for
    how: dict[str, Any] = {"reason": Reason.SWAP, "actor": actor, "now": now}
    reserved = [unit for unit in (old, new) if unit.account == Account.RESERVED]
    movements.apply(reserved, to_account=Account.AVAILABLE, reference=None, **how)
    movements.apply([new], to_account=Account.RESERVED, reference=holder, **how)
    if other_holder is not None:
        movements.apply([old], to_account=Account.RESERVED, reference=other_holder, **how)
