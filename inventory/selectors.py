"""Reads over the stock ledger."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from common.prepared_queries import prepared_cursor
from inventory.errors import UnknownSerial
from inventory.models import Bin, Lot, Movement, Recall, StockAlert, Transfer, Unit, Warehouse
from inventory.rules import SHELVED_ACCOUNTS, Account, Criteria, Outlook

_WAREHOUSE_FIELDS = (
    *("code", "name", "contact_name", "company", "street1", "street2", "city", "state", "postal_code"),
    *("country", "phone"),
)

# sku → account → units; accounts without units are left out.
Stock = dict[str, dict[str, int]]


def stock_by_model_and_account() -> Stock:
    """Units per key model and account now."""
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
    """Units per key model and account at a moment, from the movements up to and including it.

    Units announced by the supplier have no movements yet and are not included.
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
    """Units available now, of one key model or of all.

    Args: at_most: stop counting there, so that "is there any?" does not count a million units.
    """
    with prepared_cursor() as cursor:
        cursor.execute(_AVAILABLE if sku is None else _AVAILABLE_OF_MODEL, {"sku": sku, "at_most": at_most})
        count: int = cursor.fetchone()[0]
    return count


_AVAILABLE = """
    SELECT count(*) FROM (
        SELECT 1 FROM inventory_unit WHERE account = 'available' LIMIT %(at_most)s
    ) AS counted
"""
_AVAILABLE_OF_MODEL = """
    SELECT count(*) FROM (
        SELECT 1 FROM inventory_unit WHERE account = 'available'
        AND key_model_id = (SELECT id FROM inventory_keymodel WHERE sku = %(sku)s) LIMIT %(at_most)s
    ) AS counted
"""


def custody(serial: str) -> list[Movement]:
    """The movements of one unit, in order.

    Raises: UnknownSerial.
    """
    unit = Unit.objects.filter(serial=serial.strip().upper()).first()
    if unit is None:
        raise UnknownSerial(serial)
    return list(unit.movements.order_by("sequence"))


@dataclass(frozen=True)
class LotBalance:
    """A lot with the quantities expected and received. `discrepancy` is None if no quantity was expected."""

    reference: str
    sku: str
    supplier: str
    purchase_order: str
    firmware: str
    expected: int | None
    received: int

    @property
    def discrepancy(self) -> int | None:
        return None if self.expected is None else self.received - self.expected


def lot_balances(*, reference: str | None = None) -> list[LotBalance]:
    """Every lot, or one, the newest first."""
    lots = Lot.objects.select_related("key_model").order_by("-received_at", "-pk")
    if reference is not None:
        lots = lots.filter(reference=reference)
    # Units have no index by lot (see models), so all lots are counted in one pass.
    received = dict(Unit.objects.order_by().values_list("lot_id").annotate(units=Count("pk")))
    return [
        LotBalance(
            reference=lot.reference,
            sku=lot.key_model.sku,
            supplier=lot.supplier,
            purchase_order=lot.purchase_order,
            firmware=lot.firmware,
            expected=lot.expected_quantity,
            received=received.get(lot.pk, 0),
        )
        for lot in lots
    ]


def place_of(unit: Unit) -> Bin | None:
    """The bin of a unit, by its last transfer."""
    last = unit.transfers.select_related("to_bin__warehouse").order_by("-sequence").first()
    return last.to_bin if last else None


def ship_from(
    *, sku: str | None = None, lot: str | None = None, units: Iterable[Unit] | None = None
) -> Warehouse | None:
    """The warehouse that keys are sent from: the one with most of these units.

    Keys without a bin are sent from the first warehouse by code; None when there is none.
    """
    latest = Transfer.objects.filter(to_bin__isnull=False, unit__account__in=SHELVED_ACCOUNTS)
    if sku is not None:
        latest = latest.filter(unit__key_model__sku=sku)
    if lot is not None:
        latest = latest.filter(unit__lot__reference=lot)
    if units is not None:
        latest = latest.filter(unit__in=list(units))
    most = (
        latest.latest_of_their_units()
        .values("to_bin__warehouse")
        .annotate(keys=Count("pk"))
        .order_by("-keys", "to_bin__warehouse__code")
        .values_list("to_bin__warehouse", flat=True)
        .first()
    )
    warehouses = Warehouse.objects.order_by("code")
    return warehouses.first() if most is None else warehouses.get(pk=most)


def locations() -> list[dict[str, Any]]:
    """Every warehouse with its address and bins, by code."""
    return [
        {
            **{name: getattr(warehouse, name) for name in _WAREHOUSE_FIELDS},
            "bins": sorted(bin.code for bin in warehouse.bins.all() if not bin.is_quarantine),
            "quarantine": sorted(bin.code for bin in warehouse.bins.all() if bin.is_quarantine),
        }
        for warehouse in Warehouse.objects.order_by("code").prefetch_related("bins")
    ]


@dataclass(frozen=True)
class RecallReach:
    """Where the units of a recall are now.

    `holders` have, or had, one of them: reserved, packed, sent or delivered. Holders in
    `short` lost a key to the recall without a replacement. Claims use `replace` to
    grant replacements: holders whose key has left the building.
    """

    accounts: dict[str, int]
    holders: list[str]
    short: list[str]
    replace: list[str]
    packed: list[str]
    lots_of_unknown_firmware: list[str]


def recall_reach(recall: Recall) -> RecallReach:
    """The current reach of a recall."""
    rows = list(recall.units.select_related("unit").order_by("unit__serial"))
    criteria = Criteria.from_document(recall.criteria)
    sent = {Account.IN_TRANSIT, Account.DELIVERED, Account.LOST}
    promised = {Account.RESERVED, Account.PACKED}
    accounts: dict[str, int] = defaultdict(int)
    for row in rows:
        accounts[row.unit.account] += 1
    held = {row.unit.held_for for row in rows if row.unit.account in sent | promised}
    then = {row.held_for for row in rows if row.account in sent | promised}
    unknown = (
        Lot.objects.filter(firmware="")
        if criteria.firmware_from or criteria.firmware_to
        else Lot.objects.none()
    )
    return RecallReach(
        accounts=dict(accounts),
        holders=sorted(str(holder) for holder in held | then if holder),
        short=sorted(
            str(row.held_for)
            for row in rows
            if row.account == Account.RESERVED and row.replaced_by_id is None and row.unit.held_for is None
        ),
        replace=sorted({str(row.unit.held_for) for row in rows if row.unit.account in sent}),
        packed=[row.unit.serial for row in rows if row.unit.account == Account.PACKED],
        lots_of_unknown_firmware=list(unknown.order_by("reference").values_list("reference", flat=True)),
    )


def recalled_units_shipped(recall: Recall) -> dict[str, list[str]]:
    """Holder → serials of a recall that have left the building: delivered, even if returned
    since, in transit, or lost."""
    left = Q(to_account=Account.IN_TRANSIT, unit__account__in=[Account.IN_TRANSIT, Account.LOST])
    out = Movement.objects.filter(Q(to_account=Account.DELIVERED) | left, unit__recalls__recall=recall)
    found: dict[str, list[str]] = defaultdict(list)
    for holder, serial in (
        out.order_by("reference", "unit__serial").values_list("reference", "unit__serial").distinct()
    ):
        found[holder].append(serial)
    return dict(found)


RATE_WINDOW = timedelta(days=14)


def outlook(*, now: datetime, window: timedelta = RATE_WINDOW) -> dict[str, Outlook]:
    """SKU → days of stock at the rate of the window before `now`, for active key models.

    The rate counts units reserved and not released, because a cancelled request takes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT key_model.sku,
                   (SELECT count(*) FROM inventory_unit AS unit
                    WHERE unit.account = 'available' AND unit.key_model_id = key_model.id),
                   coalesce(taken.units, 0)
            FROM inventory_keymodel AS key_model
            LEFT JOIN (
                SELECT unit.key_model_id,
                       sum(CASE WHEN movement.to_account = 'reserved' THEN 1 ELSE -1 END) AS units
                FROM inventory_movement AS movement
                JOIN inventory_unit AS unit ON unit.id = movement.unit_id
                WHERE movement.moved_at > %s AND movement.moved_at <= %s
                  AND (movement.from_account, movement.to_account)
                      IN (('available', 'reserved'), ('reserved', 'available'))
                GROUP BY unit.key_model_id
            ) AS taken ON taken.key_model_id = key_model.id
            WHERE key_model.is_active
            ORDER BY key_model.sku
            """,
            [now - window, now],
        )
        days = window / timedelta(days=1)
        return {
            sku: Outlook(available, max(0, int(taken)) / days) for sku, available, taken in cursor.fetchall()
        }


def open_alerts() -> list[StockAlert]:
    """Open low-stock alerts, shown at the top of every page of the desk."""
    return list(StockAlert.objects.filter(cleared_at=None).select_related("key_model").order_by("days_left"))


def newest_alerts(*, only_open: bool, at_most: int = 200) -> list[StockAlert]:
    """Alerts as events, newest first."""
    alerts = StockAlert.objects.select_related("key_model").order_by("-raised_at", "-pk")
    return list((alerts.filter(cleared_at=None) if only_open else alerts)[:at_most])


def lot_size(reference: str) -> int:
    """Units received in a lot so far."""
    return Unit.objects.filter(lot__reference=reference).count()


def newest_tags(reference: str, at_most: int) -> list[str]:
    """The serials of a lot received last, in the order they were received."""
    newest = Unit.objects.filter(lot__reference=reference).order_by("-pk").values_list("serial", flat=True)
    return list(newest[:at_most])[::-1]


def transfers_of(unit: Unit) -> list[Transfer]:
    """The transfers of a unit, in order."""
    return list(
        unit.transfers.select_related("from_bin__warehouse", "to_bin__warehouse").order_by("sequence")
    )


def bins_by_serial(serials: Iterable[str]) -> dict[str, str]:
    """Serial → the label of its bin; units in no bin are omitted."""
    latest = Transfer.objects.filter(unit__serial__in=list(serials)).latest_of_their_units()
    found = latest.filter(to_bin__isnull=False).select_related("unit", "to_bin__warehouse")
    return {transfer.unit.serial: str(transfer.to_bin) for transfer in found}
