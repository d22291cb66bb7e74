"""Requests and responses about claims."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StrictInt,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from api.schemas import In, MoneyOut, Out
from api.validation_errors import LongText, Text, field_errors
from common.errors import FieldError
from fulfillment.claims.rules import WantedItem


class ClaimItemIn(In):
    sku: Text | None = Field(
        None, description="SKU of a key model in the campaign; null for any model in stock."
    )
    quantity: StrictInt = Field(description="Number of keys of this model.")

    def as_wanted(self) -> WantedItem:
        return WantedItem(sku=self.sku, quantity=self.quantity)


ADDRESS_SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["name", "street1", "country"],
    "additionalProperties": False,
    "properties": {
        name: {"type": "string", "maxLength": 100, "description": description}
        for name, description in {
            "name": "Name of the recipient.",
            "company": "Company, for a business address.",
            "street1": "Street and house number.",
            "street2": "Apartment, building or care of.",
            "city": "Required in most countries.",
            "state": "State or province, where addresses have one.",
            "postal_code": "In the country's own format.",
            "country": "ISO 3166-1 alpha-2 code. It cannot be changed later.",
            "phone": "For the carrier. Required where GET /regions/{country} says so; not stored otherwise.",
            "tax_id": "For customs. Required where GET /regions/{country} says so; not stored otherwise.",
            "latin_name": "The name in Latin letters, if it is in another script.",
            "latin_company": "In Latin letters.",
            "latin_street1": "In Latin letters.",
            "latin_street2": "In Latin letters.",
            "latin_city": "In Latin letters.",
            "latin_state": "In Latin letters.",
        }.items()
    },
}


# Only described here: the vault's own parser reads it and reports every invalid part.
AddressIn = Annotated[object, WithJsonSchema(ADDRESS_SCHEMA)]


class ClaimIn(In):
    """A request for keys."""

    # Errors of form are collected, not raised, so that the caller gets them together with the errors that
    # need the database. Hence the defaults.
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"required": ["campaign", "maintainer", "shipping_address"]}
    )

    campaign: Text = Field("", description="Slug of the campaign.")
    maintainer: Text = Field("", description="Username on the package index.")
    items: list[ClaimItemIn] = Field(
        [], max_length=20, description="If left out: a full allotment of whatever is in stock."
    )
    shipping_address: AddressIn = None
    service: Literal["standard", "express"] = "standard"

    _problems: list[FieldError] = PrivateAttr(default_factory=list)

    @model_validator(mode="wrap")
    @classmethod
    def collect_problems(cls, given: object, read: ModelWrapValidatorHandler[Self]) -> Self:
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


class ClaimReviewIn(In):
    outcome: Literal["approve", "reject"]
    note: LongText = Field(description="The reason. Shown to the maintainer if the claim is rejected.")


class ClaimItemOut(Out):
    sku: str | None = Field(description="Null for any model in stock.")
    quantity: int


class TrackingOut(Out):
    carrier: str
    tracking_code: str


class ClaimOut(Out):
    """A claim. It never includes the address."""

    code: str
    campaign: str
    maintainer: str
    state: str
    items: list[ClaimItemOut]
    service: str
    country: str
    place: int | None = Field(description="Place on the waitlist, from 1; null if not waitlisted.")
    created_at: datetime
    updated_at: datetime
    tracking: TrackingOut | None
    price: MoneyOut | None = Field(description="Agreed total price; null if the claim is free.")
    payment_url: str | None = Field(
        description="Page where the maintainer signs in and pays; null unless a payment is due."
    )


class ClaimListOut(Out):
    items: list[ClaimOut]
    next: str | None = Field(description="Cursor for the next page; null on the last page.")
