"""History of one unit: each movement in order, checked against its hash and its day's seal."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.db import connection

from inventory.errors import UnknownSerial
from inventory.ledger.hashing import movement_hash
from inventory.models import Bin, Movement, Scan, Transfer, Unit
from inventory.rules import Account, Reason
from inventory.selectors import transfers_of

_A, _R = Account, Reason


class Proof(StrEnum):
    """Result of checking a movement against its hash and seal."""

    SEALED = "sealed"
    UNSEALED = "unsealed"
    BROKEN = "broken"


@dataclass(frozen=True)
class HistoryEntry:
    """An entry of the key's history. Only movements have a proof; `sealed_on` is the day of its seal."""

    at: datetime
    title: str
    reference: str
    actor: str
    proof: Proof | None = None
    sealed_on: date | None = None


@dataclass(frozen=True)
class UnitHistory:
    """The key, its bin, and all its entries, oldest first."""

    unit: Unit
    lies_in: Bin | None
    entries: list[HistoryEntry]

    @property
    def broken(self) -> list[HistoryEntry]:
        return [entry for entry in self.entries if entry.proof == Proof.BROKEN]

    @property
    def movements(self) -> int:
        return sum(entry.proof is not None for entry in self.entries)

    @property
    def sealed(self) -> int:
        return sum(entry.proof == Proof.SEALED for entry in self.entries)

    @property
    def adds_up(self) -> bool:
        return not self.broken and self.movements == self.unit.movement_count


_BY_REASON = {
    _R.RECEIVE: "Received",
    _R.RESERVE: "Reserved",
    _R.PACK: "Packed",
    _R.UNPACK: "Unpacked, reserved again",
    _R.HAND_OVER: "Handed to the carrier: shipped",
    _R.DELIVER: "Delivered",
    _R.LOSE: "Lost on its way",
    _R.RETURN: "Came back",
    _R.CORRECT: "Corrected by the carrier",
    _R.QUARANTINE: "Quarantined",
    _R.DESTROY: "Destroyed",
    _R.DAMAGED: "Damaged: quarantined",
    _R.LOST: "Missing in a count",
    _R.FOUND: "Found again: quarantined",
    _R.RECALL: "Held by a recall",
    _R.LIFT_RECALL: "Recall lifted: available again",
}


def _title(movement: Movement) -> str:
    if movement.reason == _R.SWAP:
        return "Reserved in exchange" if movement.to_account == _A.RESERVED else "Exchanged: available again"
    if movement.to_account == _A.AVAILABLE and movement.reason != _R.LIFT_RECALL and movement.sequence > 1:
        return f"Available again: {movement.reason}"
    return _BY_REASON.get(Reason(movement.reason), str(movement.reason))


def unit_history(serial: str) -> UnitHistory:
    """Everything the ledger has about one key, in a fixed number of queries.

    Raises: UnknownSerial.
    """
    unit = Unit.objects.select_related("key_model", "lot").filter(serial=serial.strip().upper()).first()
    if unit is None:
        raise UnknownSerial(serial)
    transfers = transfers_of(unit)
    # The sort is stable: entries of one moment are in the order of the kinds.
    entries = [*_recalled(unit), *_moved(unit), *map(_placed, transfers), *_counted(unit)]
    entries.sort(key=lambda entry: entry.at)
    return UnitHistory(unit, transfers[-1].to_bin if transfers else None, entries)


def _recalled(unit: Unit) -> list[HistoryEntry]:
    rows = unit.recalls.select_related("recall").order_by("found_at", "pk")
    return [HistoryEntry(row.found_at, "Recalled", row.recall.code, row.recall.opened_by) for row in rows]


def _placed(transfer: Transfer) -> HistoryEntry:
    title = f"Placed in {transfer.to_bin}" if transfer.to_bin else f"Taken out of {transfer.from_bin}"
    return HistoryEntry(transfer.moved_at, title, transfer.reference, transfer.actor)


def _counted(unit: Unit) -> list[HistoryEntry]:
    scans = Scan.objects.filter(serial=unit.serial).select_related("count__bin__warehouse").order_by("pk")
    return [
        HistoryEntry(scan.scanned_at, f"Counted in {scan.count.bin}", scan.count.code, scan.count.counted_by)
        for scan in scans
    ]


# Whether the seal of its day contains the movement as a leaf (seals.pack_leaf).
_LEAVES = """
    SELECT movement.sequence, seal.day,
           position(int8send(movement.unit_id) || int4send(movement.sequence) || movement.hash
                    IN seal.leaves) > 0
    FROM inventory_movement AS movement
    JOIN inventory_seal AS seal ON seal.day = (movement.recorded_at AT TIME ZONE 'UTC')::date
    WHERE movement.unit_id = %s
"""


def _moved(unit: Unit) -> list[HistoryEntry]:
    with connection.cursor() as cursor:
        cursor.execute(_LEAVES, [unit.pk])
        seals: dict[int, tuple[date, bool]] = {place: (day, has) for place, day, has in cursor.fetchall()}
    entries: list[HistoryEntry] = []
    head = b""
    for place, movement in enumerate(unit.movements.order_by("sequence"), start=1):
        day, has = seals.get(movement.sequence, (None, True))
        holds = has and movement.sequence == place and _is_as_recorded(movement, unit, head)
        head = bytes(movement.hash)
        proof = Proof.BROKEN if not holds else Proof.SEALED if day else Proof.UNSEALED
        entries.append(
            HistoryEntry(movement.moved_at, _title(movement), movement.reference, movement.actor, proof, day)
        )
    return entries


def _is_as_recorded(movement: Movement, unit: Unit, head: bytes) -> bool:
    return bytes(movement.previous_hash) == head and bytes(movement.hash) == movement_hash(
        serial=unit.serial,
        sku=unit.key_model.sku,
        sequence=movement.sequence,
        from_account=movement.from_account,
        to_account=movement.to_account,
        reason=movement.reason,
        reference=movement.reference,
        actor=movement.actor,
        moved_at=movement.moved_at,
        recorded_at=movement.recorded_at,
        previous_hash=head,
    )
