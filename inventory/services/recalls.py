"""Recalls: hold the affected keys in stock before they can be picked, and list who has the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from common.public_ids import new_code
from config.jobs import defer, wake
from inventory.errors import BadCriteria, InsufficientStock, SelfApproval, UnknownDocument
from inventory.models import Lot, Recall, RecalledUnit, Unit, UnitQuerySet
from inventory.rules import Account, Criteria, Reason, firmware_between
from inventory.services import movements
from inventory.services.reservations import STOCK_CAME_FREE, replace

# A job of the app that owns the holders: it handles holders who lost a key to a recall.
HOLDERS_ARE_SHORT = "claims.put_back_in_line"
IN_STOCK = (Account.AVAILABLE, Account.RESERVED)


@dataclass(frozen=True)
class HeldUnits:
    """The result of applying a recall once."""

    recall: Recall
    held: int
    replaced: int
    # Holders who lost a key because no other unit of the same key model was available.
    short: tuple[str, ...]


def recalled_units(criteria: Criteria) -> UnitQuerySet:
    """The units affected by a recall, in any account.

    Firmware is recorded per lot. Lots of unknown firmware match no range; selectors.py lists them.
    """
    lots = Lot.objects.all()
    if criteria.sku:
        lots = lots.filter(key_model__sku=criteria.sku)
    if criteria.lot:
        lots = lots.filter(reference=criteria.lot)
    if criteria.aaguid:
        lots = lots.filter(key_model__aaguids__contains=[criteria.aaguid])
    chosen = [
        pk
        for pk, firmware in lots.values_list("pk", "firmware")
        if firmware_between(firmware, criteria.firmware_from, criteria.firmware_to)
    ]
    units = Unit.objects.filter(lot__in=chosen).exclude(account=Account.SUPPLIER)
    return units.filter(serial__in=criteria.serials) if criteria.serials else units


def open_recall(*, criteria: Criteria, why: str, actor: str, now: datetime) -> HeldUnits:
    """Open a recall and hold the affected keys in stock; keys received later are held on receipt.

    An available key moves to `held`. The holder of a reserved one gets another of the same key model, if
    there is one. Packed keys are not moved: a person must open the parcel; `selectors.recall_reach` lists
    those and the keys outside the building.

    Raises: BadCriteria: no criteria, or invalid ones.
    Locks:  the affected units in stock, oldest first.
    """
    if problems := criteria.problems():
        raise BadCriteria(problems)
    with transaction.atomic():
        recall = Recall.objects.create(
            code=new_code("R"), why=why, criteria=criteria.as_document(), opened_by=actor, opened_at=now
        )
        return hold_affected(recall, actor=actor, now=now)


def hold_affected(recall: Recall, *, actor: str, now: datetime) -> HeldUnits:
    """Hold the affected keys in stock; repeatable.

    Locks: the recall, because concurrent calls would lock rows in different orders; then the units in
           stock, oldest first.
    """
    with transaction.atomic():
        if not Recall.objects.open().select_for_update(no_key=True).filter(pk=recall.pk).first():
            return HeldUnits(recall, 0, 0, ())
        units = recalled_units(Criteria.from_document(recall.criteria))
        locked = list(
            units.filter(account__in=IN_STOCK).in_lock_order().select_for_update(no_key=True, of=["self"])
        )
        free = [unit for unit in locked if unit.account == Account.AVAILABLE]
        reserved = [unit for unit in locked if unit.account == Account.RESERVED]
        rows = [_row(recall, unit, now=now) for unit in units.exclude(pk__in=recall.units.values("unit_id"))]
        holders = {unit.pk: str(unit.held_for) for unit in reserved}
        # Available units first, so that none of them is given to a holder as a replacement.
        _hold(free, recall.code, actor=actor, now=now)
        replaced: dict[int, Unit] = {}
        for unit in reserved:
            if other := _replace(unit, actor=actor, now=now):
                replaced[unit.pk] = other
                # Immediately, or the next holder would be given this unit.
                _hold([unit], recall.code, actor=actor, now=now)
        short = [unit for unit in reserved if unit.pk not in replaced]
        _hold(short, None, actor=actor, now=now)
        for row in rows:
            row.replaced_by = replaced.get(row.unit_id)
        RecalledUnit.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5_000)
        if short:
            defer(HOLDERS_ARE_SHORT, recall_id=recall.pk)
    return HeldUnits(recall, len(locked), len(replaced), tuple(sorted({holders[unit.pk] for unit in short})))


def _row(recall: Recall, unit: Unit, *, now: datetime) -> RecalledUnit:
    return RecalledUnit(recall=recall, unit=unit, account=unit.account, held_for=unit.held_for, found_at=now)


def _hold(units: Sequence[Unit], reference: str | None, *, actor: str, now: datetime) -> None:
    if units:
        movements.apply(
            units, to_account=Account.HELD, reason=Reason.RECALL, reference=reference, actor=actor, now=now
        )


def _replace(unit: Unit, *, actor: str, now: datetime) -> Unit | None:
    try:
        return replace(unit=unit, actor=actor, now=now)
    except InsufficientStock:
        return None


def hold_recalled(*, actor: str, now: datetime) -> list[HeldUnits]:
    """Apply every open recall again: hold keys received, unpacked or released since."""
    return [hold_affected(recall, actor=actor, now=now) for recall in Recall.objects.open().order_by("pk")]


def lift_recall(*, code: str, actor: str, now: datetime) -> list[Unit]:
    """Lift a recall: units held for this recall only become available again.

    Raises: UnknownDocument: no such recall, or it is lifted. SelfApproval: the actor opened it.
    Locks:  the recall, then the units, oldest first.
    """
    with transaction.atomic():
        recall = Recall.objects.open().select_for_update().filter(code=code).first()
        if recall is None:
            raise UnknownDocument("open recall", code)
        if recall.opened_by == actor:
            raise SelfApproval(code, actor)
        recall.lifted_by, recall.lifted_at = actor, now
        recall.save(update_fields=["lifted_by", "lifted_at"])
        others = RecalledUnit.objects.filter(recall__lifted_at__isnull=True).values("unit_id")
        units = list(
            Unit.objects.filter(account=Account.HELD, pk__in=recall.units.values("unit_id"))
            .exclude(pk__in=others)
            .in_lock_order()
            .select_for_update(no_key=True)
        )
        if units:
            movements.apply(
                units,
                to_account=Account.AVAILABLE,
                reason=Reason.LIFT_RECALL,
                reference=code,
                actor=actor,
                now=now,
            )
            wake(STOCK_CAME_FREE)
    return units
