"""The hash of a movement, as the database computes it, for anyone who wants to check (I7).

A movement's hash is the SHA-256 of the UTF-8 text of these lines, joined by a line feed and without
one at the end:

    keydesk movement 1        the name of this form
    <serial>                  of the unit
    <sku>                     of its key model
    <sequence>                1 for the unit's first movement, then 2, …
    <from account>
    <to account>
    <reason>
    <reference>               lot, holder, count, …
    <actor>
    <moved at>                whole microseconds since 1970-01-01T00:00:00Z
    <recorded at>             likewise
    <previous hash>           of the unit's previous movement, in lower-case hex; empty for its first

Check constraints exclude line feeds in fields, so no two movements share a text. The
trigger builds the same text in SQL; a test compares the two.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

FORM = "keydesk movement 1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970, computed without floats."""
    return (moment - _EPOCH) // _MICROSECOND


def movement_hash(
    *,
    serial: str,
    sku: str,
    sequence: int,
    from_account: str,
    to_account: str,
    reason: str,
    reference: str,
    actor: str,
    moved_at: datetime,
    recorded_at: datetime,
    previous_hash: bytes,
) -> bytes:
    """The hash of one movement (32 bytes)."""
    lines = (
        FORM,
        serial,
        sku,
        str(sequence),
        from_account,
        to_account,
        reason,
        reference,
        actor,
        str(microseconds(moved_at)),
        str(microseconds(recorded_at)),
        previous_hash.hex(),
    )
    return sha256("\n".join(lines).encode()).digest()
