"""Reads over the stock ledger."""

from collections import defaultdict
from datetime import datetime

from django.db import connection
from django.db.models import Count

from inventory.errors import UnknownSerial
from inventory.models import Movement, Unit

# sku → account → units; accounts without units are left out.
Stock = dict[str, dict[str, int]]


def stock_by_model_and_account() -> Stock:
    """Where the units stand now."""
    counted = (
        Unit.objects.order_by("key_model__sku", "account")
        .values_list("key_model__sku", "account")
        .annotate(units=Count("pk"))
    )
    stock: Stock = defaultdict(dict)
    for sku, account, units in counted:
        stock[sku][account] = units
    return dict(stock)


def stock_as_of(moment: datetime) -> Stock:
    """Where the units stood at a moment: the ledger added up, in minus out, movements at it included.

    Units only announced by the supplier have no movements yet, and are not in it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT key_model.sku, side.account, sum(side.change)::bigint
            FROM inventory_movement AS movement
            JOIN inventory_unit AS unit ON unit.id = movement.unit_id
            JOIN inventory_keymodel AS key_model ON key_model.id = unit.key_model_id
            CROSS JOIN LATERAL (VALUES (movement.to_account, 1), (movement.from_account, -1))
                       AS side (account, change)
            WHERE movement.moved_at <= %s AND side.account <> 'supplier'
            GROUP BY key_model.sku, side.account
            HAVING sum(side.change) <> 0
            ORDER BY key_model.sku, side.account
            """,
            [moment],
        )
        rows = cursor.fetchall()
    stock: Stock = defaultdict(dict)
    for sku, account, units in rows:
        stock[sku][account] = units
    return dict(stock)


def available_count(sku: str | None = None, *, at_most: int | None = None) -> int:
    """Units that can be had now, of one key model or of all.

    Args: at_most: stop counting there. "Is there any?" must not count a million units.
    """
    units = Unit.objects.available()
    if sku is not None:
        units = units.filter(key_model__sku=sku)
    return units[:at_most].count() if at_most is not None else units.count()


def custody(serial: str) -> list[Movement]:
    """The whole story of one unit, in order.

    Raises: UnknownSerial.
    """
    unit = Unit.objects.filter(serial=serial.strip().upper()).first()
    if unit is None:
        raise UnknownSerial(serial)
    return list(unit.movements.order_by("sequence"))
