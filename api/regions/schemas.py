"""Responses about the countries served."""

from typing import Literal

from pydantic import Field

from api.schemas import Out

RegionStatus = Literal["open", "waitlist", "paused", "blocked"]
ClosedStatus = Literal["waitlist", "paused", "blocked"]


class ClosedPartOut(Out):
    subdivision: str = Field(description="ISO 3166-2 code without the country prefix.")
    name: str
    status: ClosedStatus
    reason: str
    source: str


class RegionOut(Out):
    country: str
    name: str
    status: RegionStatus
    reason: str
    source: str
    is_sponsored: bool
    keys_per_parcel: int
    phone_required: bool
    tax_id_required: bool
    po_box_allowed: bool
    incoterm: str
    promised_days: int | None = Field(
        description="Days from hand-over to delivery; null where nothing is sent."
    )
    closed_parts: list[ClosedPartOut] = Field(description="Parts of the country that are not served.")


class RegionListOut(Out):
    items: list[RegionOut]
    next: str | None
