"""Seals of the ledger: pure functions over a day's movements.

A day is a UTC day of `recorded_at`, which the database sets. Its movements are ordered by unit id,
then sequence, so that one pass over the ledger checks chains and seals.
The seal is the SHA-256 of these lines, joined by a line feed and without one at the end:

    keydesk seal 1       the name of this form
    <day>                2026-11-22
    <movements>          how many were recorded on that day
    <root>               of the Merkle tree over their hashes (merkle.py), in lower-case hex
    <previous>           the seal of the day before, likewise; empty for the first

Every day since the first movement has a seal, even without movements, so that none can be removed.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import NamedTuple

FORM = "keydesk seal 1"
_LEAF = struct.Struct(">qi32s")


class Leaf(NamedTuple):
    """One sealed movement."""

    unit_id: int
    sequence: int
    hash: bytes


def seal_hash(*, day: date, movement_count: int, root: bytes, previous: bytes) -> bytes:
    lines = (FORM, day.isoformat(), str(movement_count), root.hex(), previous.hex())
    return sha256("\n".join(lines).encode()).digest()


def pack_leaf(leaves: Iterable[Leaf]) -> bytes:
    """The stored form of leaves: 44 bytes each, big-endian."""
    return b"".join(_LEAF.pack(*leaf) for leaf in leaves)


def unpack(stored: bytes) -> Iterator[Leaf]:
    """Raises: struct.error: not a sequence of leaves."""
    return (Leaf(*fields) for fields in _LEAF.iter_unpack(stored))


def bounds(day: date) -> tuple[datetime, datetime]:
    """The start of a day, and of the next."""
    start = datetime.combine(day, time(), tzinfo=UTC)
    return start, start + timedelta(days=1)
