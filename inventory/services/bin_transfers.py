"""Put keys into bins and move them between bins."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from inventory.errors import UnknownBin, WrongBin
from inventory.models import Bin, Transfer, TransferReason, Unit, Warehouse
from inventory.rules import SHELVED_ACCOUNTS, Account
from inventory.services.scan_input import lock_scanned

_INSERT = """
    INSERT INTO inventory_transfer (unit_id, from_bin_id, to_bin_id, reason, reference, actor, moved_at)
    SELECT moving.unit_id, moving.from_bin_id, %(to_bin)s, %(reason)s, %(reference)s, %(actor)s, %(now)s
    FROM unnest(%(units)s::bigint[], %(from_bins)s::bigint[]) AS moving (unit_id, from_bin_id)
"""


def find_bin(label: str) -> Bin:
    """The bin with a label such as `MAIN/A-01`. Raises: UnknownBin."""
    warehouse, _, code = label.strip().upper().partition("/")
    found = Bin.objects.select_related("warehouse").filter(warehouse__code=warehouse, code=code).first()
    if found is None:
        raise UnknownBin(label, [str(bin) for bin in Bin.objects.select_related("warehouse").order_by("pk")])
    return found


def put_away(
    *, serials: Sequence[str], bin_label: str, actor: str, now: datetime, reference: str = "put away"
) -> list[Unit]:
    """Put scanned keys into a bin, all of them or none, whatever bin they were in before.

    Returns: the units that were moved; keys already in the bin are left unchanged.
    Raises:  UnknownBin, BadSerials, UnknownSerial. WrongBin: keys that are not in the building, or
             quarantined keys and another bin than theirs; every one is named.
    Locks:   the units, oldest first.
    """
    with transaction.atomic():
        target = find_bin(bin_label)
        units = lock_scanned(serials)
        if refused := [unit for unit in units if not may_lie_in(unit, target)]:
            raise WrongBin(str(target), [(unit.serial, unit.account) for unit in refused])
        lies_in = bins_of(units)
        moving = [unit for unit in units if lies_in.get(unit.pk) != target.pk]
        for reason, chosen in (
            (TransferReason.PUT_AWAY, [unit for unit in moving if lies_in.get(unit.pk) is None]),
            (TransferReason.TRANSFER, [unit for unit in moving if lies_in.get(unit.pk) is not None]),
        ):
            transfer(chosen, to_bin=target, reason=reason, reference=reference, actor=actor, now=now)
    return moving


def may_lie_in(unit: Unit, target: Bin) -> bool:
    """Whether a unit may be in a bin: in the building, and in a quarantine bin only if quarantined."""
    return unit.account in SHELVED_ACCOUNTS and (unit.account == Account.QUARANTINE) == target.is_quarantine


def bins_of(units: Iterable[Unit]) -> dict[int, int | None]:
    """Unit id → id of its bin; units never put away are omitted."""
    latest = Transfer.objects.filter(unit__in=list(units)).latest_of_their_units()
    return dict(latest.values_list("unit_id", "to_bin_id"))


def transfer(
    units: Sequence[Unit], *, to_bin: Bin | None, reason: str, reference: str, actor: str, now: datetime
) -> None:
    """Append the transfers of units that are already locked and checked."""
    if not units:
        return
    lies_in = bins_of(units)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            {
                "units": [unit.pk for unit in units],
                "from_bins": [lies_in.get(unit.pk) for unit in units],
                "to_bin": to_bin.pk if to_bin else None,
                "reason": reason,
                "reference": reference,
                "actor": actor,
                "now": now,
            },
        )


def add_warehouse(
    *, code: str, name: str, bins: Sequence[str], quarantine: str, **ship_from: str
) -> Warehouse:
    """A warehouse with its bins, one of them for quarantine. Keyword arguments are its ship-from address."""
    with transaction.atomic():
        warehouse = Warehouse.objects.create(code=code, name=name, **ship_from)
        Bin.objects.bulk_create(
            [
                Bin(warehouse=warehouse, code=bin, is_quarantine=bin == quarantine)
                for bin in [*bins, quarantine]
            ]
        )
    return warehouse
