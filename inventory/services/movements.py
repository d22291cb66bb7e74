"""Move units from account to account: pack, hand over, deliver, lose, return, quarantine, destroy."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from inventory.errors import MoveNotAllowed, NotHeldByYou, UnknownSerial
from inventory.models import Unit
from inventory.rules import HOLDING_ACCOUNTS, move_allowed

# Rows of (unit, reference), in order; triggers chain, hash and apply them.
_INSERT = """
    INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor, moved_at)
    SELECT moving.id, moving.account, %(to_account)s, %(reason)s, moving.reference, %(actor)s, %(now)s
    FROM unnest(%(ids)s::bigint[], %(accounts)s::text[], %(references)s::text[])
         AS moving (id, account, reference)
"""


def move(
    *,
    to_account: str,
    reason: str,
    actor: str,
    now: datetime,
    holder: str | None = None,
    units: Iterable[Unit | int] | None = None,
    reference: str | None = None,
) -> list[Unit]:
    """Move units, all or none, and return them in their new state.

    Args:    holder: all units held for this holder; or else
             units: these, by object or id, whoever holds them.
             reference: the purpose of the move, for units without a holder. Otherwise it must be the
             holder, which is the default.
    Raises:  NotHeldByYou: the holder holds nothing, or `reference` is not the holder of some of the units.
             MoveNotAllowed: the table of moves has no such move from some of their accounts.
             UnknownSerial: no such unit.
    Locks:   the units, oldest first.
    """
    assert (holder is None) != (units is None), "give a holder or units"
    with transaction.atomic():
        if holder is not None:
            locked = lock_held(holder)
            if not locked:
                raise NotHeldByYou(holder)
        else:
            locked = lock_units(units or ())
        check_move(locked, to_account=to_account, reason=reason, reference=reference)
        apply(locked, to_account=to_account, reason=reason, reference=reference, actor=actor, now=now)
    return locked


def move_locked(locked: Sequence[Unit], *, to_account: str, reason: str, actor: str, now: datetime) -> None:
    """Move units that the caller's transaction has locked, like `move`. No units: no effect.

    Raises: MoveNotAllowed: roll the transaction back, because it may contain earlier moves.
    """
    if locked:
        check_move(locked, to_account=to_account, reason=reason, reference=None)
        apply(locked, to_account=to_account, reason=reason, reference=None, actor=actor, now=now)


def lock_held(holder: str) -> list[Unit]:
    """Lock what a holder holds, oldest first."""
    return list(Unit.objects.held_by(holder).in_lock_order().select_for_update(no_key=True))


def lock_units(units: Iterable[Unit | int]) -> list[Unit]:
    """Lock these units, oldest first."""
    ids = {unit.pk if isinstance(unit, Unit) else unit for unit in units}
    locked = list(Unit.objects.filter(pk__in=ids).in_lock_order().select_for_update(no_key=True))
    if missing := ids - {unit.pk for unit in locked}:
        raise UnknownSerial(", ".join(f"no. {pk}" for pk in sorted(missing)))
    return locked


def apply(
    locked: Sequence[Unit], *, to_account: str, reason: str, reference: str | None, actor: str, now: datetime
) -> None:
    """Insert the movements of locked units that may move, and update the objects."""
    references = [reference or unit.held_for for unit in locked]
    assert all(references), "a unit that is not held moves under a reference"
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT + " RETURNING unit_id, sequence, hash, moved_at",
            {
                "ids": [unit.pk for unit in locked],
                "accounts": [unit.account for unit in locked],
                "references": references,
                "to_account": to_account,
                "reason": reason,
                "actor": actor,
                "now": now,
            },
        )
        written = {row[0]: row[1:] for row in cursor.fetchall()}
    for unit, unit_reference in zip(locked, references, strict=True):
        unit.account = to_account
        unit.held_for = unit_reference if to_account in HOLDING_ACCOUNTS else None
        unit.movement_count, unit.head_hash, unit.moved_at = written[unit.pk]


def check_move(locked: Sequence[Unit], *, to_account: str, reason: str, reference: str | None) -> None:
    """Refuse a move that the table of moves or the units' holders forbid.

    Raises: MoveNotAllowed, NotHeldByYou (see `move`).
    """
    for account in sorted({unit.account for unit in locked}):
        if not move_allowed(account, to_account, reason):
            raise MoveNotAllowed(
                serials=[unit.serial for unit in locked if unit.account == account],
                from_account=account,
                to_account=to_account,
                reason=reason,
            )
    if reference is not None:
        others = [unit.serial for unit in locked if unit.held_for not in {None, reference}]
        if others:
            raise NotHeldByYou(reference, others)
