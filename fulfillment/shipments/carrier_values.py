"""Values passed to and returned by the shipping vendor's client, in our units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum

from fulfillment.vault.addresses import PostalAddress


class Finding(StrEnum):
    """The outcome of an address check."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"  # the service is down, or does not know the country


@dataclass(frozen=True)
class Verification:
    """The result of an address check.

    Args: suggestion: the carrier's spelling, when it differs in more than case and punctuation.
          is_incomplete: the house or flat number is missing.
    """

    finding: Finding
    suggestion: PostalAddress | None = None
    is_incomplete: bool = False


NOT_ASKED = Verification(Finding.NOT_ASKED)


@dataclass(frozen=True)
class Parcel:
    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int


@dataclass(frozen=True)
class CustomsLine:
    """One line of a customs declaration; value and weight are totals of the line."""

    description: str
    quantity: int
    value_cents: int
    weight_g: int
    hs_code: str
    origin_country: str
    currency: str
    code: str
    eccn: str = ""


@dataclass(frozen=True)
class Customs:
    """A customs declaration: contents, signer, and the reason why no export filing is needed.

    `exemption` may also be the number of a filing; empty when the parcel does not leave the US. `contents` is
    the vendor's contents type.
    """

    lines: Sequence[CustomsLine]
    signer: str
    incoterm: str
    exemption: str = "NOEEI 30.37(a)"
    contents: str = "merchandise"


@dataclass(frozen=True, repr=False)
class Party:
    """Sender or recipient of a shipment. Its repr shows only the country, so that no address is logged."""

    address: PostalAddress
    phone: str
    email: str = ""
    tax_id: str = ""

    def __repr__(self) -> str:
        return f"Party(country={self.address.country!r})"


@dataclass(frozen=True)
class Rate:
    """The price of one carrier service and its promised delivery time.

    `carrier_account` is the vendor's id of our account with that carrier.
    """

    id: str
    carrier: str
    service: str
    amount_cents: int
    currency: str
    delivery_days: int | None
    carrier_account: str = ""


@dataclass(frozen=True)
class CreatedShipment:
    """The vendor's shipment before its label is bought.

    `refusals` names carriers that gave no rates; their messages are dropped, as they may repeat the address.
    """

    id: str
    rates: Sequence[Rate]
    refusals: Sequence[str] = ()


@dataclass(frozen=True)
class BoughtLabel:
    """A bought label: its shipment, rate, cost, file and tracker.

    `cost_cents` is the sum of the vendor's fees, `rate_cents` the postage alone, `premium_cents` the part of
    the fees that paid for insurance.
    """

    shipment_id: str
    label_id: str
    label_url: str
    tracking_code: str
    tracker_id: str
    rate_id: str
    carrier: str
    service: str
    rate_cents: int
    cost_cents: int
    currency: str
    premium_cents: int = 0
    carrier_account: str = ""


@dataclass(frozen=True)
class ShipmentStatus:
    """One shipment as the vendor records it; `label` is None until one is bought."""

    id: str
    label: BoughtLabel | None
    refund: str | None = None
    reference: str = ""


@dataclass(frozen=True)
class BoughtPage:
    """One page of the shipments with bought labels, each with its reference.

    A reference that we did not set is returned as "", because it may contain personal data.
    """

    shipments: Sequence[ShipmentStatus]
    has_more: bool


class WebhookState(Enum):
    """Whether the vendor sends events to our webhook."""

    ENABLED = "enabled"
    DISABLED = "disabled"  # it failed for too long
    MISSING = "missing"


@dataclass(frozen=True)
class TrackerState:
    """The status of a tracker, in the vendor's terms. The client drops places and names.

    `changed_at` is when the vendor last changed the tracker; it lags behind the events.
    """

    status: str
    detail: str
    changed_at: datetime
    scanned_at: datetime | None = None
    expected_on: date | None = None


@dataclass(frozen=True)
class LabelFile:
    """A downloaded label file; the media type is verified by its first bytes."""

    content: bytes = field(repr=False)
    media_type: str
