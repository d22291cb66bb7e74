"""The documents that come in and go out."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from ninja import Schema
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StrictBool,
    StrictInt,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.validation_errors import LongText, Text, field_errors
from common.errors import FieldError
from fulfillment.claims.rules import WantedItem


class In(BaseModel):
    """What comes in: a field nobody knows is a mistake, not to be passed over."""

    model_config = ConfigDict(extra="forbid")


class ItemIn(In):
    sku: Text | None = Field(None, description="A key model of the campaign; null takes any in stock.")
    quantity: StrictInt = Field(description="How many keys of it.")

    def as_wanted(self) -> WantedItem:
        return WantedItem(sku=self.sku, quantity=self.quantity)


ADDRESS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "street1", "country"],
    "additionalProperties": False,
    "properties": {
        name: {"type": "string", "maxLength": 100, "description": description}
        for name, description in {
            "name": "Who receives the parcel.",
            "company": "Firm, if it is a business address.",
            "street1": "Street and number.",
            "street2": "Flat, building, care of.",
            "city": "Needed in most countries.",
            "state": "State or province, where addresses have one.",
            "postal_code": "In the form of the country.",
            "country": "ISO 3166-1 alpha-2. Later changes of the address must keep it.",
            "phone": "For the carrier; needed where GET /regions/{country} says so, and not kept elsewhere.",
            "tax_id": "For customs; needed where GET /regions/{country} says so, and not kept elsewhere.",
            "latin_name": "The name in Latin letters, where it is in another script; so for the parts below.",
            "latin_company": "As latin_name.",
            "latin_street1": "As latin_name.",
            "latin_street2": "As latin_name.",
            "latin_city": "As latin_name.",
            "latin_state": "As latin_name.",
        }.items()
    },
}
# Read by the vault's own parser, which names every bad part; here it is only described.
AddressIn = Annotated[Any, WithJsonSchema(ADDRESS_SCHEMA)]


class ClaimIn(In):
    """A request for keys."""

    # Kept as far as it can be read: shape errors are collected, not raised, so that the caller is told of
    # them together with what only the database knows to be wrong. Hence the defaults.
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"required": ["campaign", "maintainer", "shipping_address"]}
    )

    campaign: Text = Field("", description="The campaign's slug.")
    maintainer: Text = Field("", description="The account's name on the index.")
    items: list[ItemIn] = Field(
        [], max_length=20, description="Left out: a full allotment of whatever is in stock."
    )
    shipping_address: AddressIn = None
    service: Literal["standard", "express"] = "standard"

    _problems: list[FieldError] = PrivateAttr(default_factory=list)

    @model_validator(mode="wrap")
    @classmethod
    def read_what_can_be_read(cls, given: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(given, cls):
            return given
        try:
            claim = read(given)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            bad = {str(problem["loc"][0]) for problem in found if problem["loc"]}
            known = given if isinstance(given, dict) else {}
            claim = read({name: value for name, value in known.items() if name not in bad})
            claim._problems = field_errors(found)
        return claim

    @property
    def problems(self) -> list[FieldError]:
        return self._problems


class ReviewIn(In):
    outcome: Literal["approve", "reject"]
    note: LongText = Field(description="Why. Shown to the maintainer when the claim is not approved.")


class ItemOut(Schema):
    sku: str | None = Field(description="Null: any key model in stock.")
    quantity: int


class TrackingOut(Schema):
    carrier: str
    tracking_code: str


class MoneyOut(Schema):
    amount: int = Field(description="In minor units of the currency.")
    currency: str = Field(description="ISO 4217.")


class ClaimOut(Schema):
    """A claim. The address is never part of it."""

    code: str
    campaign: str
    maintainer: str
    state: str
    items: list[ItemOut]
    service: str
    country: str
    place: int | None = Field(description="The place in line of a waitlisted claim, from 1.")
    created_at: datetime
    updated_at: datetime
    tracking: TrackingOut | None
    price: MoneyOut | None = Field(description="What it costs in all, as agreed; null when it is free.")
    payment_url: str | None = Field(
        description="Where the maintainer signs in and pays, while the claim is awaiting payment."
    )


class ClaimListOut(Schema):
    items: list[ClaimOut]
    next: str | None = Field(description="The cursor of the next page.")


class KeysOut(Schema):
    total: int
    available: int
    claimed: int
    redeemed: int


class CampaignOut(Schema):
    slug: str
    name: str
    sponsor: str
    opens_at: datetime
    closes_at: datetime
    per_claim: int
    keys: KeysOut


class StatsOut(Schema):
    """Published numbers. Null is "too few to show"; every count of people is of whole groups."""

    campaign: str
    as_of: datetime = Field(description="Of when the headline is: the start of a day.")
    cuts_as_of: datetime = Field(description="Of when all else is: the start of a week.")
    smallest_group: int
    method: str
    keys: dict[str, int | None]
    people: dict[str, int | None]
    by_week: list[dict[str, str | int | None]]
    by_country: list[dict[str, str | int | None]]
    by_key_models: list[dict[str, str | int | None]]
    by_policy: list[dict[str, str | int | None]]
    by_wave: list[dict[str, str | int | None]]
    two_factor: dict[str, int | None] = Field(
        description="Accounts of the roster with any second factor; of these, those with a WebAuthn key."
    )
    projects: dict[str, Any] = Field(
        description="Critical projects with any protected maintainer; of these, those with none unprotected."
    )
    refusals: dict[str, int | None] = Field(description="People refused, by the rule named first.")
    costs: dict[str, Any]


class ClosedPartOut(Schema):
    subdivision: str = Field(description="Its code of ISO 3166-2 without the country's.")
    name: str
    status: Literal["waitlist", "paused", "blocked"]
    reason: str
    source: str


class RegionOut(Schema):
    country: str
    name: str
    status: Literal["open", "waitlist", "paused", "blocked"]
    reason: str
    source: str
    is_sponsored: bool
    keys_per_parcel: int
    phone_required: bool
    tax_id_required: bool
    po_box_allowed: bool
    incoterm: str
    promised_days: int | None = Field(description="From hand-over to the door; null where nothing is sent.")
    closed_parts: list[ClosedPartOut] = Field(description="Parts of the country that no keys go to.")


class RegionListOut(Schema):
    items: list[RegionOut]
    next: str | None


class VerdictOut(Schema):
    rule: str
    outcome: Literal["pass", "fail", "review"]
    reason: str
    evidence: dict[str, Any]
    remedy: str


class DecisionOut(Schema):
    outcome: Literal["eligible", "ineligible", "review"]
    policy: str
    headline: str | None
    verdicts: list[VerdictOut]


class StockOut(Schema):
    sku: str
    accounts: dict[str, int] = Field(
        description="Units by account of the ledger; accounts without units are left out."
    )


class StockListOut(Schema):
    items: list[StockOut]


class MovementOut(Schema):
    sequence: int
    from_account: str
    to_account: str
    reason: str
    reference: str
    actor: str
    moved_at: datetime
    hash: str = Field(description="Chains to the movement before; see the manual for how to check it.")


class TransferOut(Schema):
    from_bin: str | None
    to_bin: str | None = Field(description="Null: taken out of its bin.")
    reason: str
    reference: str
    actor: str
    moved_at: datetime


class LotIn(In):
    """A delivery: serials as scanned, or a quantity of keys that get tags of ours."""

    sku: Text
    lot: Text = Field(description="Reference of the lot; a known one gets more units.")
    serials: list[str] | None = Field(None, max_length=50_000)
    quantity: StrictInt | None = None
    supplier: Text | None = None
    purchase_order: Text | None = None
    firmware: Text | None = Field(None, description="Recalls go by it.")
    expected: StrictInt | None = Field(None, ge=1, description="How many are to come in this lot in all.")
    dry_run: StrictBool = Field(False, description="Only say what would be refused.")
    resume: StrictBool = Field(False, description="Pass over serials that this lot has already.")

    @model_validator(mode="after")
    def one_of_both(self) -> "LotIn":
        if (self.serials is None) == (self.quantity is None):
            raise PydanticCustomError("one_of_both", "Give either serials or a quantity.")
        return self


class LotOut(Schema):
    reference: str
    sku: str
    supplier: str
    purchase_order: str
    firmware: str
    expected: int | None
    received: int
    discrepancy: int | None = Field(description="Received minus expected.")


class CountIn(In):
    """A bin as it was counted: everything scanned in it."""

    bin: Text = Field(description="Such as MAIN/A-01.")
    serials: list[str] = Field(max_length=50_000)


class DifferenceOut(Schema):
    serial: str
    kind: Literal["missing", "unexpected", "unknown"]


class CountOut(Schema):
    code: str
    bin: str
    state: str
    counted_by: str
    differences: list[DifferenceOut]


class AdjustmentIn(In):
    """One change of stock by hand. The action says which of the other fields it needs."""

    action: Literal[
        "put_away", "swap", "approve_count", "cancel_count", "quarantine", "propose_destruction", "destroy"
    ]
    serials: list[str] = Field(
        [], max_length=10_000, description="put_away, quarantine, propose_destruction."
    )
    bin: Text | None = Field(None, description="put_away; may go with quarantine.")
    holder: Text | None = Field(None, description="swap: who holds the reserved key.")
    reserved: Text | None = Field(None, description="swap: the serial that was reserved.")
    scanned: Text | None = Field(None, description="swap: the serial that goes into the parcel.")
    code: Text | None = Field(None, description="approve_count, cancel_count, destroy: the paper.")
    reasons: dict[str, str] = Field({}, description="approve_count: serial → reason, for every difference.")
    note: LongText | None = Field(None, description="quarantine, propose_destruction: why.")

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
        """The fields that this action needs and did not get."""
        return [
            FieldError(field, "required", f"{self.action} needs this field.")
            for field in self._needs[self.action]
            if not getattr(self, field)
        ]


class StandingOut(Schema):
    serial: str
    account: str
    held_for: str | None
    bin: str | None


class AdjustmentOut(Schema):
    action: str
    code: str | None = Field(description="The paper it was done under, or the one it made.")
    units: list[StandingOut] = Field(description="Every key it was about, as it stands now.")


class CriteriaIn(In):
    """What recalled keys have in common. All that is given must apply."""

    sku: Text | None = None
    lot: Text | None = None
    firmware_from: Text | None = Field(None, description="The first one affected, such as 5.0.")
    firmware_to: Text | None = Field(None, description="The last one affected.")
    serials: list[Text] = Field([], max_length=50_000)
    aaguid: Text | None = None


class RecallIn(In):
    why: LongText
    criteria: CriteriaIn


class GrantedOut(Schema):
    recall: str
    granted: list[str] = Field(description="The replacement claims made now, accepted or in line.")
    replaced_before: list[str] = Field(description="Claims whose keys were replaced before.")
    without_address: list[str] = Field(description="Claims whose address is gone; their people are asked.")
    back_in_line: list[str] = Field(description="Claims that lost reserved keys and wait for others.")
    packed: list[str] = Field(description="Serials in closed parcels, to be stopped by hand.")


class LocationIn(In):
    code: Text = Field(description="Of A-Z, 0-9 and -.")
    name: Text
    contact_name: Text
    company: str = Field("", max_length=100)
    street1: Text
    street2: str = Field("", max_length=100)
    city: Text
    state: str = Field("", max_length=100)
    postal_code: str = Field("", max_length=20)
    country: Text = Field(description="Two letters, ISO 3166.")
    phone: str = Field("", max_length=40)
    bins: list[Text] = Field([], max_length=1000, description="Those that are missing are added.")
    quarantine: list[Text] = Field([], max_length=1000)


class LocationOut(Schema):
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


class LocationListOut(Schema):
    items: list[LocationOut]


class StockAlertOut(Schema):
    event: str = Field(description="stock.low")
    sku: str
    raised_at: datetime
    cleared_at: datetime | None
    available: int
    per_day: float
    days_left: float
    threshold_days: int


class StockAlertListOut(Schema):
    items: list[StockAlertOut]


class RecallOut(Schema):
    code: str
    why: str
    opened_at: datetime
    lifted_at: datetime | None
    accounts: dict[str, int] = Field(description="Affected keys by where they stand now.")
    holders: list[str] = Field(description="Everyone who has, or had, one of them.")
    short: list[str] = Field(description="Holders that have a key less: there was no other to give them.")
    replace: list[str] = Field(description="Holders whose key has left the building.")
    packed: list[str] = Field(description="Serials in closed parcels, to be stopped by hand.")
    lots_of_unknown_firmware: list[str]


class UnitOut(Schema):
    serial: str
    sku: str
    lot: str
    account: str
    held_for: str | None
    bin: str | None
    transfers: list[TransferOut]
    movements: list[MovementOut]


class HeldOut(Schema):
    """One kind of data held about a person."""

    name: str
    what: str
    why: str
    until: str
    erasable: bool
    rows: dict[str, list[dict[str, Any]]] = Field(description="By table; the fields are the table's own.")


class PersonalDataOut(Schema):
    about: str
    as_of: datetime
    sections: list[HeldOut]


class AddressUnderWayOut(Schema):
    claim: str
    address_until: datetime


class StaysOut(Schema):
    name: str
    what: str
    why: str
    until: str


class ErasedOut(Schema):
    erased: dict[str, int] = Field(description="How many things of each kind went.")
    under_way: list[AddressUnderWayOut] = Field(description="Claims whose parcel still needs its address.")
    stays: list[StaysOut]


class FieldProblemOut(Schema):
    field: str
    code: str
    message: str


class ProblemOut(Schema):
    """RFC 9457. Nothing changed when one is returned."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblemOut] | None = Field(None, description="Every bad field.")
    decision: DecisionOut | None = Field(None, description="With `ineligible`.")
    claim: str | None = Field(None, description="With `already_claimed`: the claim there is.")


class LabelOut(Schema):
    carrier: str
    service: str
    tracking_code: str
    cost: MoneyOut
    bought_at: datetime
    refund: str | None = Field(description="`requested` while the carrier decides.")


class OpenCaseOut(Schema):
    code: str
    reason: str
    due_at: datetime


class ShipmentOut(Schema):
    """A parcel. Where it goes is no part of it but for the country."""

    code: str
    claim: str
    number: int = Field(description="Which of the claim's parcels.")
    state: str
    keys: int
    country: str
    warehouse: str | None
    label: LabelOut | None
    sealed_at: datetime | None
    manifest: str | None
    handed_over_at: datetime | None
    open_cases: list[OpenCaseOut]
    created_at: datetime
    updated_at: datetime


class ShipmentListOut(Schema):
    items: list[ShipmentOut]
    next: str | None = Field(description="The cursor of the next page.")


class ManifestIn(In):
    carrier: Text = Field(description="As the vendor spells it, such as USPS.")
    warehouse: Text | None = Field(default=None, description="The code of the door they leave from.")
    shipments: list[Text] | None = Field(
        default=None, max_length=900, description="Codes; left out: all that are sealed."
    )
    with_form: bool | None = Field(
        default=None, description="Whether the carrier makes a form; left out: if it makes forms at all."
    )


class LeftOutOut(Schema):
    shipment: str
    code: str
    why: str


class ManifestOut(Schema):
    code: str
    carrier: str
    warehouse: str | None
    state: str
    has_form: bool
    shipments: list[str]
    created_at: datetime
    handed_over_at: datetime | None


class ManifestMadeOut(ManifestOut):
    left_out: list[LeftOutOut]
