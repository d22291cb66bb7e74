"""Swap a scanned key for a reserved one: ledger and parcels change together."""

from collections.abc import Sequence
from datetime import datetime

from fulfillment.shipments.errors import WrongKey, WrongScanKind
from fulfillment.shipments.models import LabelPurchase, ParcelUnit, Shipment
from fulfillment.shipments.rules.states import ShipmentState
from fulfillment.warehouse.rules.scans import label_code
from inventory.errors import UnknownSerial
from inventory.models import Unit
from inventory.rules import Account
from inventory.services.reservations import swap

_WHY_NOT = {
    Account.HELD: "it is recalled. Put it into quarantine, and scan another of the same model.",
    Account.QUARANTINE: "it is in quarantine. Put it back there.",
    Account.PACKED: "by our records it is packed in another parcel. Set it aside and tell the stock keeper.",
    Account.LOST: "it is recorded as lost. Put it into quarantine.",
    Account.MISSING: "it is recorded as missing. Put it into quarantine.",
}


def why_not(unit: Unit) -> str:
    """Why a key must not be packed, by its ledger account, and what to do with it."""
    return _WHY_NOT.get(
        Account(unit.account), f"it is in {unit.account}. Set it aside and tell the stock keeper."
    )


def exchange(
    serial: str, places: Sequence[ParcelUnit], *, goal: str, actor: str, now: datetime
) -> tuple[ParcelUnit, Unit]:
    """Swap the scanned key for the first of these rows that has a key of the same model.

    If it is reserved for another parcel, that parcel gets the replaced key. The picked marks move with the
    keys.

    Args:    places: rows not packed (or picked) yet, their keys still reserved for their claims.
             goal: the parcel or list of the rows, for the error message.
    Returns: the row with its new key, not saved yet, and the replaced key.
    Raises:  UnknownSerial. WrongKey: not in stock, or no key of its model is needed.
             NotSwappable: another transaction took it.
    Locks:   both units, oldest first.
    """
    unit = Unit.objects.select_related("key_model").filter(serial=serial).first()
    if unit is None:
        if LabelPurchase.objects.filter(tracking_code=label_code(serial)).exists():
            raise WrongScanKind(serial, is_a="label", due="key")
        raise UnknownSerial(serial)
    if unit.account not in (Account.AVAILABLE, Account.RESERVED):
        raise WrongKey(serial, goal, why_not(unit))
    row = next((place for place in places if place.unit.key_model_id == unit.key_model_id), None)
    if row is None:
        wanted = ", ".join(sorted({place.unit.key_model.sku for place in places}))
        rest = f"{wanted} is needed. Put it back." if wanted else "no more keys are needed. Put it back."
        raise WrongKey(serial, goal, f"it is a {unit.key_model.sku}; {rest}")
    old, holder = row.unit, row.shipment.claim.code
    if unit.held_for == holder:
        # Reserved for another parcel of the same claim: only the parcels change, not the ledger.
        row.unit = unit
    else:
        row.unit = swap(holder=holder, old_serial=old.serial, new_serial=serial, actor=actor, now=now)
        row.unit.key_model = unit.key_model
    _give_in_exchange(old, row)
    return row, old


def _give_in_exchange(old: Unit, row: ParcelUnit) -> None:
    """Give the replaced key to the parcel that the scanned key was reserved for."""
    live = Shipment.objects.exclude(state=ShipmentState.CANCELLED)
    others = ParcelUnit.objects.filter(unit=row.unit_id, shipment__in=live).exclude(pk=row.pk)
    other = others.order_by("-pk").first()
    if other is None:
        row.picked_at, row.picked_by = None, ""
        return
    marks = row.picked_at, row.picked_by
    row.picked_at, row.picked_by = other.picked_at, other.picked_by
    other.picked_at, other.picked_by = marks
    other.unit = old
    other.save(update_fields=["unit", "picked_at", "picked_by"])
