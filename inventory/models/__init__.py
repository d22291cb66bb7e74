"""Models of the inventory app. Their triggers are in `inventory/ledger/triggers.py`."""

from inventory.models.counts import Count, CountState, Difference, DifferenceKind, Scan
from inventory.models.ledger import Connector, KeyModel, Lot, Movement, Seal, Unit, UnitQuerySet
from inventory.models.locations import Bin, Transfer, TransferReason, Warehouse
from inventory.models.recalls import Recall, RecalledUnit
from inventory.models.stock_alerts import Expiry, StockAlert
from inventory.models.write_offs import WriteOff, WriteOffUnit

__all__ = [
    "Bin",
    "Connector",
    "Count",
    "CountState",
    "Difference",
    "DifferenceKind",
    "Expiry",
    "KeyModel",
    "Lot",
    "Movement",
    "Recall",
    "RecalledUnit",
    "Scan",
    "Seal",
    "StockAlert",
    "Transfer",
    "TransferReason",
    "Unit",
    "UnitQuerySet",
    "Warehouse",
    "WriteOff",
    "WriteOffUnit",
]
