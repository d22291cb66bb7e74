"""The chain of hashes, recomputed by the standard library from what is stored."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from inventory.ledger.hashing import microseconds, movement_hash
from inventory.models import Movement
from inventory.rules import Wanted
from inventory.services.movements import move
from inventory.services.reservations import reserve
from tests.inventory.conftest import NOW, Receive

# Not round, and in another zone: the text has whole microseconds in UTC.
ODD = datetime(2022, 7, 11, 14, 0, 0, 123_457, tzinfo=timezone(timedelta(hours=2)))


def test_the_database_and_python_agree_on_every_hash(receive: Receive) -> None:
    (unit,) = receive(1)
    reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=ODD)
    move(holder="C-1", to_account="packed", reason="pack", actor="staff:ada", now=ODD)
    previous = b""
    for movement in unit.movements.order_by("sequence"):
        assert bytes(movement.previous_hash) == previous
        previous = movement_hash(
            serial=unit.serial,
            sku="KD-A-NFC",
            sequence=movement.sequence,
            from_account=movement.from_account,
            to_account=movement.to_account,
            reason=movement.reason,
            reference=movement.reference,
            actor=movement.actor,
            moved_at=movement.moved_at,
            recorded_at=movement.recorded_at,
            previous_hash=bytes(movement.previous_hash),
        )
        assert bytes(movement.hash) == previous
    unit.refresh_from_db()
    assert bytes(unit.head_hash) == previous


def test_the_hash_is_that_of_the_documented_text() -> None:
    text = (
        "keydesk movement 1\nAB-1X\nKD-A-NFC\n2\navailable\nreserved\nreserve\nC-1\nclaimant\n"
        "1657540800123457\n1657540801000000\nabab"
    )
    computed = movement_hash(
        serial="AB-1X",
        sku="KD-A-NFC",
        sequence=2,
        from_account="available",
        to_account="reserved",
        reason="reserve",
        reference="C-1",
        actor="claimant",
        moved_at=ODD,
        recorded_at=NOW + timedelta(seconds=1),
        previous_hash=b"\xab\xab",
    )
    assert computed == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (ODD, 1_657_540_800_123_457),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 253_402_300_799_999_999),
    ],
)
def test_microseconds_are_exact(moment: datetime, expected: int) -> None:
    assert microseconds(moment) == expected


def test_the_database_writes_what_it_is_not_told(receive: Receive) -> None:
    """Whoever inserts a movement cannot choose its place, its hash or when it was recorded."""
    (unit,) = receive(1)
    forged = Movement.objects.create(
        unit=unit,
        from_account="available",
        to_account="reserved",
        reason="reserve",
        reference="C-1",
        actor="claimant",
        moved_at=NOW,
        sequence=77,
        previous_hash=b"x",
        hash=b"y",
        recorded_at=NOW - timedelta(days=300),
    )
    stored = Movement.objects.get(pk=forged.pk)
    assert stored.sequence == 2
    assert stored.recorded_at > NOW
    assert len(bytes(stored.hash)) == len(bytes(stored.previous_hash)) == 32
