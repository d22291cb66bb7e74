"""The keys of a parcel, updated after recalls and swaps."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import QuerySet

from common.prepared_queries import prepared
from fulfillment.claims.services.shipment_callbacks import ACTOR
from fulfillment.shipments.models import ParcelUnit, Shipment
from fulfillment.shipments.rules.states import ShipmentState
from inventory.models import Unit
from inventory.rules import Account, Reason
from inventory.services.movements import move

_NOT_SENT = (ShipmentState.PLANNED, ShipmentState.LABELLED)


def parcel_keys(shipment: Shipment) -> list[ParcelUnit]:
    """The current keys of a parcel, after `sync_contents`.

    Locks: none; the caller holds the parcel's row.
    """
    rows = _contents(shipment=shipment)
    sync_contents(rows)
    return rows


@prepared
def _contents(*, shipment: Shipment) -> QuerySet[ParcelUnit]:
    rows = ParcelUnit.objects.select_related("shipment__claim", "unit__key_model")
    return rows.filter(shipment=shipment).order_by("pk")


def is_held_for_parcel(row: ParcelUnit) -> bool:
    """Whether the key is still held for the claim of its parcel."""
    return row.unit.held_for == row.shipment.claim.code


def sync_contents(rows: Iterable[ParcelUnit]) -> None:
    """Update parcels whose keys changed in the inventory since they were planned.

    A recall replaces reserved keys: the claim then holds another key than its parcel lists. A key that was
    removed without a replacement stays listed, as missing. No query when nothing changed.

    Args: rows: with `shipment__claim` and `unit__key_model`; they are updated in place.
    """
    gone: dict[int, list[ParcelUnit]] = {}
    for row in rows:
        if not is_held_for_parcel(row) and row.shipment.state in _NOT_SENT:
            gone.setdefault(row.shipment.claim_id, []).append(row)
    for claim_id, theirs in gone.items():
        _take_over(theirs, claim_id=claim_id, holder=theirs[0].shipment.claim.code)


def _take_over(gone: Sequence[ParcelUnit], *, claim_id: int, holder: str) -> None:
    live = Shipment.objects.filter(claim_id=claim_id).exclude(state=ShipmentState.CANCELLED)
    spoken_for = ParcelUnit.objects.filter(shipment__in=live).values("unit_id")
    free = list(
        Unit.objects.held_by(holder)
        .filter(account=Account.RESERVED)
        .exclude(pk__in=spoken_for)
        .select_related("key_model")
        .in_lock_order()
    )
    for row in gone:
        # Label and customs declaration were made for this model, so another model cannot replace it.
        same = next((unit for unit in free if unit.key_model_id == row.unit.key_model_id), None)
        if same is not None:
            free.remove(same)
            row.unit, row.picked_at, row.picked_by = same, None, ""
            row.save(update_fields=["unit", "picked_at", "picked_by"])


def pack_unscanned(units: Sequence[Unit], *, now: datetime) -> None:
    """Record keys as packed that the carrier has but that were not scanned into their parcel."""
    unscanned = [unit for unit in units if unit.account == Account.RESERVED]
    if unscanned:
        move(units=unscanned, to_account=Account.PACKED, reason=Reason.PACK, actor=ACTOR, now=now)
