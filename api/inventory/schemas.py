"""Requests and responses about stock: units, lots, counts, adjustments, recalls, locations."""

from datetime import datetime
from typing import Literal

from pydantic import Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from api.schemas import In, Out
from api.validation_errors import LongText, Text
from common.errors import FieldError


class StockOut(Out):
    sku: str
    accounts: dict[str, int] = Field(
        description="Units by ledger account; accounts without units are left out."
    )


class StockListOut(Out):
    items: list[StockOut]


class LedgerMovementOut(Out):
    sequence: int
    from_account: str
    to_account: str
    reason: str
    reference: str
    actor: str
    moved_at: datetime
    hash: str = Field(description="Chained to the previous movement; the manual says how to check it.")


class BinTransferOut(Out):
    from_bin: str | None
    to_bin: str | None = Field(description="Null if the unit was taken out of its bin.")
    reason: str
    reference: str
    actor: str
    moved_at: datetime


class UnitOut(Out):
    serial: str
    sku: str
    lot: str
    account: str
    held_for: str | None
    bin: str | None
    transfers: list[BinTransferOut]
    movements: list[LedgerMovementOut]


class StockAlertOut(Out):
    event: str = Field(description="Always `stock.low`.")
    sku: str
    raised_at: datetime
    cleared_at: datetime | None
    available: int
    per_day: float
    days_left: float
    threshold_days: int


class StockAlertListOut(Out):
    items: list[StockAlertOut]


class LocationIn(In):
    code: Text = Field(description="Characters A-Z, 0-9 and -.")
    name: Text
    contact_name: Text
    company: str = Field("", max_length=100)
    street1: Text
    street2: str = Field("", max_length=100)
    city: Text
    state: str = Field("", max_length=100)
    postal_code: str = Field("", max_length=20)
    country: Text = Field(description="ISO 3166-1 alpha-2 code.")
    phone: str = Field("", max_length=40)
    bins: list[Text] = Field(
        [], max_length=1000, description="Bin codes. New ones are added; none is removed."
    )
    quarantine: list[Text] = Field([], max_length=1000)


class LocationOut(Out):
    code: str
    name: str
    contact_name: str
    company: str
    street1: str
    street2: str
    city: str
    state: str
    postal_code: str
    country: str
    phone: str
    bins: list[str]
    quarantine: list[str]


class LocationListOut(Out):
    items: list[LocationOut]


class DeliveryIn(In):
    """A delivery: the scanned serials, or a quantity of keys that we label ourselves."""

    sku: Text
    lot: Text = Field(description="Lot reference. If the lot exists, the units are added to it.")
    serials: list[str] | None = Field(None, max_length=50_000)
    quantity: StrictInt | None = None
    supplier: Text | None = None
    purchase_order: Text | None = None
    firmware: Text | None = Field(None, description="Firmware version; recalls select by it.")
    expected: StrictInt | None = Field(None, ge=1, description="Number of units expected in the whole lot.")
    dry_run: StrictBool = Field(False, description="Validate only; receive nothing.")
    resume: StrictBool = Field(False, description="Skip serials already received in this lot.")

    @model_validator(mode="after")
    def one_of_both(self) -> "DeliveryIn":
        if (self.serials is None) == (self.quantity is None):
            raise PydanticCustomError("one_of_both", "Give either serials or a quantity.")
        return self


class LotOut(Out):
    reference: str
    sku: str
    supplier: str
    purchase_order: str
    firmware: str
    expected: int | None
    received: int
    discrepancy: int | None = Field(description="Received minus expected.")


class CountIn(In):
    """The serials scanned in a bin during a count."""

    bin: Text = Field(description="Bin label, such as MAIN/A-01.")
    serials: list[str] = Field(max_length=50_000)


class CountDifferenceOut(Out):
    serial: str
    kind: Literal["missing", "unexpected", "unknown"]


class CountOut(Out):
    code: str
    bin: str
    state: str
    counted_by: str
    differences: list[CountDifferenceOut]


class AdjustmentIn(In):
    """A manual stock change. `action` decides which other fields are required."""

    action: Literal[
        "put_away", "swap", "approve_count", "cancel_count", "quarantine", "propose_destruction", "destroy"
    ]
    serials: list[str] = Field(
        [], max_length=10_000, description="For put_away, quarantine and propose_destruction."
    )
    bin: Text | None = Field(None, description="For put_away; optional for quarantine.")
    holder: Text | None = Field(None, description="For swap: the holder of the reserved key.")
    reserved: Text | None = Field(None, description="For swap: the reserved serial.")
    scanned: Text | None = Field(None, description="For swap: the serial to pack instead.")
    code: Text | None = Field(
        None, description="For approve_count, cancel_count and destroy: code of the count or write-off."
    )
    reasons: dict[str, str] = Field({}, description="For approve_count: a reason for each differing serial.")
    note: LongText | None = Field(None, description="For quarantine and propose_destruction: the reason.")

    _needs = {
        "put_away": ("serials", "bin"),
        "swap": ("holder", "reserved", "scanned"),
        "approve_count": ("code",),
        "cancel_count": ("code",),
        "quarantine": ("serials", "note"),
        "propose_destruction": ("serials",),
        "destroy": ("code",),
    }

    def problems(self) -> list[FieldError]:
        """Fields that this action requires and that are missing."""
        return [
            FieldError(field, "required", f"{self.action} requires this field.")
            for field in self._needs[self.action]
            if not getattr(self, field)
        ]


class UnitStateOut(Out):
    serial: str
    account: str
    held_for: str | None
    bin: str | None


class AdjustmentOut(Out):
    action: str
    code: str | None = Field(description="Code of the count or write-off used or created.")
    units: list[UnitStateOut] = Field(description="Current state of every unit concerned.")


class RecallCriteriaIn(In):
    """Selects the recalled keys. A key must match every criterion given."""

    sku: Text | None = None
    lot: Text | None = None
    firmware_from: Text | None = Field(None, description="First affected version, such as 5.0.")
    firmware_to: Text | None = Field(None, description="Last affected version.")
    serials: list[Text] = Field([], max_length=50_000)
    aaguid: Text | None = None


class RecallIn(In):
    why: LongText
    criteria: RecallCriteriaIn


class RecallOut(Out):
    code: str
    why: str
    opened_at: datetime
    lifted_at: datetime | None
    accounts: dict[str, int] = Field(description="Affected keys by current ledger account.")
    holders: list[str] = Field(description="Everyone who has or had an affected key.")
    short: list[str] = Field(description="Holders left one key short because no replacement was available.")
    replace: list[str] = Field(description="Holders whose key has left the warehouse.")
    packed: list[str] = Field(description="Serials in packed parcels, which must be stopped manually.")
    lots_of_unknown_firmware: list[str]


class ReplacementsOut(Out):
    recall: str
    granted: list[str] = Field(description="Replacement claims created now, accepted or waitlisted.")
    replaced_before: list[str] = Field(description="Claims whose keys had been replaced already.")
    without_address: list[str] = Field(
        description="Claims without a stored address; the maintainers are asked for one."
    )
    back_in_line: list[str] = Field(description="Claims that lost reserved keys and are waitlisted.")
    packed: list[str] = Field(description="Serials in packed parcels, which must be stopped manually.")
