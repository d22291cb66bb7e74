"""Idempotent scans at the packing table: each takes effect once, even if it is sent again."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from common.errors import KeydeskError
from fulfillment.shipments.errors import BadScanKey, MovedMeanwhile, ScanKeyReused
from fulfillment.shipments.models import FloorScan

_KEY = re.compile(r"[A-Za-z0-9.-]{8,80}", re.ASCII)


@dataclass(frozen=True)
class ScanAnswer:
    """The result of a scan, to be displayed.

    `done` of `of` keys are picked (or packed) in the list (or parcel); `next` is the step due now: `pick`,
    `pack`, `seal`, `hand_over`. `swapped_for` is the serial that this key replaced. `is_repeat` means that
    the same scan was sent before and had no effect this time; the other fields are those of the first time.
    """

    key: str
    verb: str
    parcel: str
    serial: str = ""
    swapped_for: str = ""
    seal: str = ""
    done: int = 0
    of: int = 0
    next: str = ""
    is_repeat: bool = False


def once(work: Callable[[], ScanAnswer], *, key: str, scanned: str) -> ScanAnswer:
    """Run a scan in its own transaction, or return the stored answer if it was sent before.

    The stored answer is looked up only after an error: a repeated scan fails because of the first one's
    effect (the key is packed already), or because the database accepts each scan key once.

    Raises: BadScanKey. ScanKeyReused: the key was used for another scan. MovedMeanwhile: another person
            changed the same rows. Errors of `work`.
    """
    if not _KEY.fullmatch(key):
        raise BadScanKey
    try:
        with transaction.atomic(durable=True):
            return work()
    except (KeydeskError, IntegrityError, OperationalError) as refusal:
        if isinstance(refusal, OperationalError) and not isinstance(refusal.__cause__, DeadlockDetected):
            raise
        if (twin := _stored_answer(key, scanned)) is not None:
            return twin
        # Two scans that swap the same two keys can deadlock; the database aborts one of them.
        if isinstance(refusal, IntegrityError | OperationalError):
            raise MovedMeanwhile from refusal
        raise


def _stored_answer(key: str, scanned: str) -> ScanAnswer | None:
    before = FloorScan.objects.filter(key=key).only("scanned", "answer").first()
    if before is None:
        return None
    if before.scanned != scanned:
        raise ScanKeyReused(key)
    return replace(ScanAnswer(**before.answer), is_repeat=True)


_APPEND = """
    INSERT INTO shipping_floorscan
           (key, verb, shipment_id, unit_id, scanned, answer, undoes_id, actor, at)
    SELECT %(key)s, %(verb)s, %(shipment)s, %(unit)s, %(scanned)s, %(answer)s, %(undoes)s, %(actor)s, %(at)s
"""


def mark_key(
    answer: ScanAnswer,
    *,
    row_id: int,
    was_unit_id: int,
    shipment_id: int,
    unit_id: int,
    picked: tuple[datetime, str] | None,
    packed: tuple[datetime, str] | None,
    **scan: Any,
) -> None:
    """Update the picked and packed marks of a parcel's key and record the scan, in one round trip.

    Args: row_id: of the ParcelUnit; was_unit_id: its key when it was read.
          picked, packed: when and by whom, or None for not, or no longer.
          scan: `scanned`, `actor`, `now` and optionally `undoes`, as in FloorScan.
    """
    marks: dict[str, Any] = {}
    for verb, mark in (("picked", picked), ("packed", packed)):
        marks |= {f"{verb}_at": mark and mark[0], f"{verb}_by": mark[1] if mark else ""}
    _write(
        "UPDATE shipping_shipment_units SET unit_id = %(unit)s, picked_at = %(picked_at)s,"
        " picked_by = %(picked_by)s, packed_at = %(packed_at)s, packed_by = %(packed_by)s"
        " WHERE id = %(row)s AND unit_id = %(was)s RETURNING id",
        {"row": row_id, "was": was_unit_id, **marks},
        answer,
        shipment_id=shipment_id,
        unit_id=unit_id,
        **scan,
    )


def mark_seal(
    answer: ScanAnswer, *, shipment_id: int, number: str, sealed: tuple[datetime, str] | None, **scan: Any
) -> None:
    """Update the seal of a parcel and record the scan, in one round trip."""
    marks = {"sealed_at": sealed and sealed[0], "sealed_by": sealed[1] if sealed else "", "number": number}
    _write(
        "UPDATE shipping_shipment SET sealed_at = %(sealed_at)s, sealed_by = %(sealed_by)s,"
        " seal_number = %(number)s WHERE id = %(shipment)s RETURNING id",
        marks,
        answer,
        shipment_id=shipment_id,
        unit_id=None,
        **scan,
    )


def _write(
    update: str,
    values: Mapping[str, Any],
    answer: ScanAnswer,
    *,
    shipment_id: int,
    unit_id: int | None,
    scanned: str,
    actor: str,
    now: datetime,
    undoes: int | None = None,
) -> None:
    """Run the update and the insert as one statement, for speed. The caller has locked the updated row."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH changed AS ({update}) {_APPEND} FROM changed",
            {
                **values,
                "key": answer.key,
                "verb": answer.verb,
                "shipment": shipment_id,
                "unit": unit_id,
                "scanned": scanned,
                "answer": json.dumps(asdict(answer)),
                "undoes": undoes,
                "actor": actor,
                "at": now,
            },
        )
        if cursor.rowcount != 1:
            raise MovedMeanwhile
