"""Stock as API responses: units, lots, counts, adjustments, recalls, alerts."""

from collections.abc import Iterable, Sequence

from api.inventory.schemas import (
    AdjustmentOut,
    BinTransferOut,
    CountDifferenceOut,
    CountOut,
    DeliveryIn,
    LedgerMovementOut,
    LocationListOut,
    LocationOut,
    LotOut,
    RecallOut,
    StockAlertListOut,
    StockAlertOut,
    StockListOut,
    StockOut,
    UnitOut,
    UnitStateOut,
)
from inventory.models import Count, Movement, Recall, StockAlert, Transfer, Unit
from inventory.selectors import (
    LotBalance,
    bins_by_serial,
    locations,
    lot_balances,
    place_of,
    recall_reach,
    stock_by_model_and_account,
    transfers_of,
)


def serialize_stock() -> StockListOut:
    """Units by key model and ledger account, as of now."""
    return StockListOut(
        items=[StockOut(sku=sku, accounts=accounts) for sku, accounts in stock_by_model_and_account().items()]
    )


def serialize_unit(unit: Unit, movements: Iterable[Movement]) -> UnitOut:
    """A unit with its movements in the ledger and its bin transfers."""
    return UnitOut(
        serial=unit.serial,
        sku=unit.key_model.sku,
        lot=unit.lot.reference,
        account=unit.account,
        held_for=unit.held_for,
        bin=str(place) if (place := place_of(unit)) else None,
        transfers=[_transfer(transfer) for transfer in transfers_of(unit)],
        movements=[_movement(movement) for movement in movements],
    )


def _transfer(transfer: Transfer) -> BinTransferOut:
    return BinTransferOut(
        from_bin=str(transfer.from_bin) if transfer.from_bin else None,
        to_bin=str(transfer.to_bin) if transfer.to_bin else None,
        reason=transfer.reason,
        reference=transfer.reference,
        actor=transfer.actor,
        moved_at=transfer.moved_at,
    )


def _movement(movement: Movement) -> LedgerMovementOut:
    return LedgerMovementOut(
        sequence=movement.sequence,
        from_account=movement.from_account,
        to_account=movement.to_account,
        reason=movement.reason,
        reference=movement.reference,
        actor=movement.actor,
        moved_at=movement.moved_at,
        hash=bytes(movement.hash).hex(),
    )


def serialize_alerts(alerts: Iterable[StockAlert]) -> StockAlertListOut:
    """Low-stock alerts as events."""
    return StockAlertListOut(
        items=[
            StockAlertOut(
                event="stock.low",
                sku=alert.key_model.sku,
                raised_at=alert.raised_at,
                cleared_at=alert.cleared_at,
                available=alert.available,
                per_day=alert.per_day,
                days_left=alert.days_left,
                threshold_days=alert.threshold_days,
            )
            for alert in alerts
        ]
    )


def serialize_locations() -> LocationListOut:
    """Every warehouse with its address and bins."""
    return LocationListOut(items=[LocationOut.model_validate(location) for location in locations()])


def serialize_location(warehouse_code: str) -> LocationOut:
    """One warehouse with its address and bins; it must exist."""
    (location,) = (one for one in locations() if one["code"] == warehouse_code)
    return LocationOut.model_validate(location)


def serialize_lot(reference: str) -> LotOut:
    """A lot that exists, with what was expected and received."""
    (balance,) = lot_balances(reference=reference)
    return _lot(balance)


def serialize_unreceived_lot(delivery: DeliveryIn) -> LotOut:
    """The lot that a validated delivery would create."""
    return _lot(
        LotBalance(
            reference=delivery.lot,
            sku=delivery.sku,
            supplier=delivery.supplier or "",
            purchase_order=delivery.purchase_order or "",
            firmware=delivery.firmware or "",
            expected=delivery.expected,
            received=0,
        )
    )


def _lot(balance: LotBalance) -> LotOut:
    return LotOut(
        reference=balance.reference,
        sku=balance.sku,
        supplier=balance.supplier,
        purchase_order=balance.purchase_order,
        firmware=balance.firmware,
        expected=balance.expected,
        received=balance.received,
        discrepancy=balance.discrepancy,
    )


def serialize_count(count: Count) -> CountOut:
    """A count of a bin with its differences from the ledger."""
    differences = count.differences.order_by("serial").values("serial", "kind")
    return CountOut(
        code=count.code,
        bin=str(count.bin),
        state=count.state,
        counted_by=count.counted_by,
        differences=[CountDifferenceOut.model_validate(difference) for difference in differences],
    )


def serialize_adjustment(*, action: str, code: str | None, serials: Sequence[str]) -> AdjustmentOut:
    """The outcome of a manual stock change, with the units concerned as they are now."""
    units = Unit.objects.filter(serial__in=serials).order_by("serial")
    bins = bins_by_serial(serials)
    return AdjustmentOut(
        action=action,
        code=code,
        units=[
            UnitStateOut(
                serial=unit.serial, account=unit.account, held_for=unit.held_for, bin=bins.get(unit.serial)
            )
            for unit in units
        ],
    )


def serialize_recall(recall: Recall) -> RecallOut:
    """A recall with the current state of the affected keys."""
    reach = recall_reach(recall)
    return RecallOut(
        code=recall.code,
        why=recall.why,
        opened_at=recall.opened_at,
        lifted_at=recall.lifted_at,
        accounts=reach.accounts,
        holders=reach.holders,
        short=reach.short,
        replace=reach.replace,
        packed=reach.packed,
        lots_of_unknown_firmware=reach.lots_of_unknown_firmware,
    )
