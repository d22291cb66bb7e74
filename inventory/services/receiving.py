"""Receive keys from a supplier: bulk creation of units and their first movements."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from psycopg.errors import UniqueViolation

from common.public_ids import new_code
from config.jobs import wake
from inventory.errors import BadReceipt, BadSerials, SerialSeenBefore, UnknownSku, shorten
from inventory.models import KeyModel, Lot, Unit
from inventory.rules import Account, Reason, SerialProblem, clean_serials, is_reference
from inventory.services.recalls import hold_recalled
from inventory.services.reservations import STOCK_CAME_FREE

LARGEST_RECEIPT = 1_000_000


def receive_stock(
    *,
    sku: str,
    lot_reference: str,
    actor: str,
    now: datetime,
    serials: Sequence[str] | None = None,
    quantity: int | None = None,
    supplier: str = "",
    purchase_order: str = "",
    firmware: str = "",
    expected_quantity: int | None = None,
    resume: bool = False,
) -> Lot:
    """Receive a delivery into `available`, all or nothing. A lot may have several deliveries.

    Args:    serials: as scanned, any case; or else
             quantity: number of keys without serials, which get printed tags (`KD-…`).
             resume: skip serials that this lot already has, to continue an interrupted receipt.
    Raises:  UnknownSku, BadReceipt (quantity, lot), BadSerials, SerialSeenBefore; each lists everything
             that is wrong of its kind.
    """
    assert (serials is None) != (quantity is None), "give serials or a quantity"
    key_model = _key_model(sku)
    tags = _new_tags(quantity) if serials is None else _clean(serials)
    if resume:
        here = set(
            Unit.objects.filter(lot__reference=lot_reference, serial__in=tags).values_list(
                "serial", flat=True
            )
        )
        tags = [tag for tag in tags if tag not in here]
    if not is_reference(lot_reference):
        raise BadReceipt(
            f"{shorten(lot_reference)} cannot be a lot reference. "
            "Use up to 80 letters, digits, spaces and . _ : / # -, beginning with a letter or digit."
        )
    with transaction.atomic():
        lot, _ = Lot.objects.get_or_create(
            reference=lot_reference,
            defaults={
                "key_model": key_model,
                "supplier": supplier,
                "purchase_order": purchase_order,
                "firmware": firmware,
                "expected_quantity": expected_quantity,
                "received_at": now,
                "received_by": actor,
            },
        )
        if lot.key_model_id != key_model.pk:
            raise BadReceipt(
                f"Lot {lot_reference} is of {lot.key_model.sku}, not of {sku}. "
                "Give this delivery a reference of its own."
            )
        if not tags:
            return lot
        ids = _create_units(lot, tags, now=now)
        _move_in(ids, lot=lot, actor=actor, now=now)
        # Units affected by an open recall are held before they become visible as available.
        hold_recalled(actor=actor, now=now)
        wake(STOCK_CAME_FREE)
    return lot


def _key_model(sku: str) -> KeyModel:
    found = KeyModel.objects.filter(sku=sku).first()
    if found is None:
        raise UnknownSku(sku, list(KeyModel.objects.order_by("sku").values_list("sku", flat=True)))
    return found


def _clean(serials: Sequence[str]) -> list[str]:
    if not serials:
        raise BadReceipt("There are no serials to receive.")
    if len(serials) > LARGEST_RECEIPT:
        raise BadReceipt(f"A receipt has at most {LARGEST_RECEIPT:,} serials; split this one.")
    clean, problems = clean_serials(serials)
    if problems:
        raise BadSerials(sorted([*problems, *_seen_before(serials, clean)], key=lambda found: found.position))
    return clean


def check_receipt(*, serials: Sequence[str], lot_reference: str, resume: bool = False) -> list[SerialProblem]:
    """Dry run: list every serial that cannot be received, in order. Nothing is written.

    Args: resume: as for `receive_stock`: serials that this lot already has are fine.
    """
    clean, problems = clean_serials(serials)
    passed_over = lot_reference if resume else None
    return sorted([*problems, *_seen_before(serials, clean, passed_over)], key=lambda found: found.position)


def _seen_before(
    serials: Sequence[str], clean: Sequence[str], passed_over: str | None = None
) -> list[SerialProblem]:
    seen = Unit.objects.filter(serial__in=clean).exclude(lot__reference=passed_over)
    accounts = dict(seen.values_list("serial", "account"))
    positions = {serial.strip().upper(): place for place, serial in reversed(list(enumerate(serials)))}
    return [
        SerialProblem(positions[serial], serial, f"has been received before and is in {account}")
        for serial, account in accounts.items()
    ]


def _new_tags(quantity: int | None) -> list[str]:
    if quantity is None or not 1 <= quantity <= LARGEST_RECEIPT:
        raise BadReceipt(f"The quantity is {quantity}; it must be between 1 and {LARGEST_RECEIPT:,}.")
    tags: set[str] = set()
    while len(tags) < quantity:
        tags.add(new_code("KD"))
    return sorted(tags)


def _create_units(lot: Lot, serials: Sequence[str], *, now: datetime) -> Sequence[int]:
    """Insert the units with COPY, in the order of the list, with ids fetched before."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence('inventory_unit', 'id')) FROM generate_series(1, %s)",
                [len(serials)],
            )
            ids = [row[0] for row in cursor.fetchall()]
            with cursor.copy(
                "COPY inventory_unit (id, serial, key_model_id, lot_id, received_at, account, movement_count,"
                " head_hash) FROM STDIN"
            ) as copy:
                # Serials are [A-Z0-9-], so the text format needs no escapes; one string is one call.
                rest = f"\t{lot.key_model_id}\t{lot.pk}\t{now.isoformat()}\t{Account.SUPPLIER}\t0\t\n"
                copy.write("".join(f"{pk}\t{serial}{rest}" for pk, serial in zip(ids, serials, strict=True)))
    except UniqueViolation:  # psycopg's own error: Django does not wrap errors of COPY
        # Looked up only on failure: the unique constraint is checked anyway and is rarely violated.
        seen = Unit.objects.filter(serial__in=serials).order_by("serial").values_list("serial", flat=True)
        if not seen:
            raise
        raise SerialSeenBefore(list(seen)) from None
    return ids


def _move_in(ids: Sequence[int], *, lot: Lot, actor: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO inventory_movement (unit_id, from_account, to_account, reason, reference, actor,
                                            moved_at)
            SELECT id, %s, %s, %s, %s, %s, %s FROM unnest(%s::bigint[]) AS id
            """,
            [Account.SUPPLIER, Account.AVAILABLE, Reason.RECEIVE, lot.reference, actor, now, list(ids)],
        )
