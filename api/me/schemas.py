"""Responses about the signed-in maintainer's data."""

from datetime import datetime

from pydantic import Field

from api.schemas import Out


class DataSectionOut(Out):
    """One category of data held about a person."""

    name: str
    what: str
    why: str
    until: str
    erasable: bool
    rows: dict[str, list[dict[str, object]]] = Field(
        description="Rows by table, with the table's own fields."
    )


class PersonalDataOut(Out):
    about: str
    as_of: datetime
    sections: list[DataSectionOut]


class AddressInUseOut(Out):
    claim: str
    address_until: datetime


class RetainedDataOut(Out):
    name: str
    what: str
    why: str
    until: str


class ErasedOut(Out):
    erased: dict[str, int] = Field(description="Number of records erased in each category.")
    under_way: list[AddressInUseOut] = Field(description="Claims whose address is still needed for delivery.")
    stays: list[RetainedDataOut]
