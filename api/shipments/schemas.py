"""Requests and responses about shipments and manifests."""

from datetime import datetime

from pydantic import Field

from api.schemas import In, MoneyOut, Out
from api.validation_errors import Text


class ShipmentLabelOut(Out):
    carrier: str
    service: str
    tracking_code: str
    cost: MoneyOut
    bought_at: datetime
    refund: str | None = Field(description="`requested` until the carrier decides; otherwise null.")


class OpenCaseOut(Out):
    code: str
    reason: str
    due_at: datetime


class ShipmentOut(Out):
    """A shipment. It never includes the address, only the country."""

    code: str
    claim: str
    number: int = Field(description="Position among the claim's shipments, from 1.")
    state: str
    keys: int
    country: str
    warehouse: str | None
    label: ShipmentLabelOut | None
    sealed_at: datetime | None
    manifest: str | None
    handed_over_at: datetime | None
    open_cases: list[OpenCaseOut]
    created_at: datetime
    updated_at: datetime


class ShipmentListOut(Out):
    items: list[ShipmentOut]
    next: str | None = Field(description="Cursor for the next page; null on the last page.")


class ManifestIn(In):
    carrier: Text = Field(description="Carrier name as the vendor spells it, such as USPS.")
    warehouse: Text | None = Field(default=None, description="Code of the warehouse they leave from.")
    shipments: list[Text] | None = Field(
        default=None, max_length=900, description="Shipment codes. If left out: all sealed shipments."
    )
    with_form: bool | None = Field(
        default=None, description="Whether to request a scan form. If left out: if the carrier offers one."
    )


class ExcludedShipmentOut(Out):
    shipment: str
    code: str
    why: str


class ManifestOut(Out):
    code: str
    carrier: str
    warehouse: str | None
    state: str
    has_form: bool
    shipments: list[str]
    created_at: datetime
    handed_over_at: datetime | None


class ManifestCreatedOut(ManifestOut):
    left_out: list[ExcludedShipmentOut]
