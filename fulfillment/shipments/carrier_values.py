"""Plain values that the carriers' vendor is given and answers with, in our units."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum

from fulfillment.vault.addresses import PostalAddress


class Finding(StrEnum):
    """What came of asking the carrier."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"  # the service is down, or does not know the country


@dataclass(frozen=True)
class Verification:
    """What the carrier makes of an address.

    Args: suggestion: as the carrier writes it, when that differs in more than capitals and signs.
          is_incomplete: the carrier misses the number of the house or flat.
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
    """One line of a declaration; value and weight are those of the whole line."""

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
    """A declaration: what is in the parcel, who answers for it, and why its export needs no filing.

    `exemption` may also be the number of a filing; empty when the parcel does not leave the US. `contents` is
    the vendor's word for what kind of goods they are.
    """

    lines: Sequence[CustomsLine]
    signer: str
    incoterm: str
    exemption: str = "NOEEI 30.37(a)"
    contents: str = "merchandise"


@dataclass(frozen=True, repr=False)
class Party:
    """One end of a shipment. Never logged: its repr shows the country only."""

    address: PostalAddress
    phone: str
    email: str = ""
    tax_id: str = ""

    def __repr__(self) -> str:
        return f"Party(country={self.address.country!r})"


@dataclass(frozen=True)
class Rate:
    """What one service of one carrier would cost, and in how many days it promises to be there.

    `carrier_account` is the vendor's id of our account at that carrier.
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

    `refusals` names carriers that gave no rates; their texts stay outside, for they may repeat the address.
    """

    id: str
    rates: Sequence[Rate]
    refusals: Sequence[str] = ()


@dataclass(frozen=True)
class BoughtLabel:
    """A label that was bought: whose, at what rate, for how much, and where its file and tracker are.

    `cost_cents` is the sum of the vendor's fees, `rate_cents` the postage alone, `premium_cents` what of the
    fees was for insurance.
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
    """What the vendor knows of one shipment; `label` is None while none is bought."""

    id: str
    label: BoughtLabel | None
    refund: str | None = None
    reference: str = ""


@dataclass(frozen=True)
class BoughtPage:
    """Some of the shipments the vendor sold labels for, each with the reference it was given.

    A reference that is not ours comes as ""; what people wrote there is not for us to keep.
    """

    shipments: Sequence[ShipmentStatus]
    has_more: bool


class WebhookState(Enum):
    """Whether events come to us."""

    ENABLED = "enabled"
    DISABLED = "disabled"  # it failed for too long
    MISSING = "missing"


@dataclass(frozen=True)
class TrackerState:
    """Where a tracker stands, in the vendor's words. No places and no names get past the gateway.

    `changed_at` is when the vendor last changed it, which lags behind the events that say so.
    """

    status: str
    detail: str
    changed_at: datetime
    scanned_at: datetime | None = None
    expected_on: date | None = None


@dataclass(frozen=True)
class LabelFile:
    """A label's file as fetched, of a kind its first bytes prove."""

    content: bytes = field(repr=False)
    media_type: str
