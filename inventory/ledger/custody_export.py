"""Export of one unit's history for check_custody.py, which checks it without this program."""

from datetime import datetime

from inventory.errors import UnknownSerial
from inventory.ledger.check_custody import FORM, CustodyFile, CustodyMovement, CustodyProofStep
from inventory.ledger.hashing import microseconds
from inventory.ledger.merkle import proof
from inventory.ledger.seals import unpack
from inventory.models import Movement, Seal, Unit


def custody_document(*, serial: str, now: datetime) -> CustodyFile:
    """Export a unit: its movements, each with its proof against the day's seal, and the seals since then.

    Times that enter a hash are whole microseconds since 1970, as in the hash. A movement of a day that has
    no seal yet has no proof. Nothing is checked here: tampered rows are exported as they are.

    Raises: UnknownSerial.
    """
    unit = Unit.objects.select_related("key_model").filter(serial=serial.strip().upper()).first()
    if unit is None:
        raise UnknownSerial(serial)
    movements = list(unit.movements.order_by("sequence"))
    seals: dict[str, Seal] = _seals_since(movements[0].recorded_at) if movements else {}
    return {
        "form": FORM,
        "exported_at": now.isoformat(),
        "serial": unit.serial,
        "sku": unit.key_model.sku,
        "account": unit.account,
        "movement_count": unit.movement_count,
        "head_hash": bytes(unit.head_hash).hex(),
        "movements": [_movement(movement, seals) for movement in movements],
        "seals": [
            {
                "day": seal.day.isoformat(),
                "movement_count": seal.movement_count,
                "root": bytes(seal.root).hex(),
                "previous": bytes(seal.previous).hex(),
                "seal": bytes(seal.hash).hex(),
            }
            for seal in seals.values()
        ],
    }


def _seals_since(moment: datetime) -> dict[str, Seal]:
    seals = Seal.objects.filter(day__gte=moment.date()).order_by("day").defer("leaves")
    return {seal.day.isoformat(): seal for seal in seals}


def _movement(movement: Movement, seals: dict[str, Seal]) -> CustodyMovement:
    return {
        "sequence": movement.sequence,
        "from_account": movement.from_account,
        "to_account": movement.to_account,
        "reason": movement.reason,
        "reference": movement.reference,
        "actor": movement.actor,
        "moved_at": movement.moved_at.isoformat(),
        "moved_at_us": microseconds(movement.moved_at),
        "recorded_at_us": microseconds(movement.recorded_at),
        "previous_hash": bytes(movement.previous_hash).hex(),
        "hash": bytes(movement.hash).hex(),
        "proof": _proof(movement, seals.get(movement.recorded_at.date().isoformat())),
    }


def _proof(movement: Movement, seal: Seal | None) -> list[CustodyProofStep] | None:
    """The proof of a movement: the siblings from its hash up to the root of its day."""
    if seal is None:
        return None
    leaves = list(unpack(bytes(seal.leaves)))
    places = [leaf[:2] for leaf in leaves]
    try:
        index = places.index((movement.unit_id, movement.sequence))
    except ValueError:  # not recorded when the day was sealed; the checker reports it
        return []
    steps = proof([leaf.hash for leaf in leaves], index)
    return [{"side": step.side, "hash": step.hash.hex()} for step in steps]
