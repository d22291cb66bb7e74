"""Facts about one account at one moment, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from roster.errors import FactsError
from roster.rules.json_parser import (
    Unreadable,
    country_code,
    flag,
    list_of,
    moment,
    object_of,
    one_of,
    read_count,
    read_day,
    read_text,
)

ROLES = ("Owner", "Maintainer")
REGION_STATUSES = ("open", "waitlist", "paused", "blocked")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFact:
    """A role on a project, and what makes the project critical.

    `recreated` says whether the project was ever deleted and recreated, `recreated_on` when it last was;
    `delegated_by` is the account that named this person for the project.
    """

    project: str
    role: str
    critical: bool | None = None
    since: date | None = None
    designated_on: date | None = None
    reason: str | None = None
    recreated: bool | None = None
    recreated_on: date | None = None
    delegated_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFact:
    opens_at: datetime | None = None
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFact:
    """The row of the region table for the country the keys would go to."""

    status: str
    reason: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionFact:
    """A rule that two members of staff lifted for this person, with the reason and the expiry."""

    rule: str
    reason: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All facts that policies use. None means not known; of all rules only `account_joined_before` passes on
    an unknown fact.

    `address_claims` counts the other claims that go to the same address; `email_changed_at` is when the
    address last changed, or since when it is known to be the account's.
    """

    username: str = ""
    now: datetime | None = None
    joined_at: datetime | None = None
    has_totp: bool | None = None
    has_webauthn: bool | None = None
    is_organization: bool | None = None
    opted_out: bool | None = None
    email_changed_at: datetime | None = None
    roles: tuple[RoleFact, ...] | None = None
    roster_taken_at: datetime | None = None
    keys_available: int | None = None
    live_claims: int | None = None
    invited_in_wave: bool | None = None
    address_claims: int | None = None
    country: str | None = None
    region: RegionFact | None = None
    campaign: CampaignFact | None = None
    exceptions: tuple[ExceptionFact, ...] | None = None

    def as_document(self) -> dict[str, object]:
        """The JSON that `parse_facts` reads back; what is not known is left out."""
        return _document(self)


def parse_facts(document: object) -> Facts:
    """Read facts from JSON.

    Raises: FactsError: every unknown field, wrong type and time without a zone, by name.
    """
    try:
        found = _FACTS(document)
    except Unreadable as error:
        raise FactsError(error.problems) from None
    return Facts(**found)


def _role(value: object) -> RoleFact:
    return RoleFact(
        **object_of(
            {
                "project": read_text,
                "role": one_of(ROLES, "role"),
                "critical": flag,
                "since": read_day,
                "designated_on": read_day,
                "reason": read_text,
                "recreated": flag,
                "recreated_on": read_day,
                "delegated_by": read_text,
            },
            required=("project", "role"),
        )(value)
    )


def _campaign(value: object) -> CampaignFact:
    return CampaignFact(**object_of({"opens_at": moment, "closes_at": moment})(value))


def _region(value: object) -> RegionFact:
    return RegionFact(
        **object_of(
            {"status": one_of(REGION_STATUSES, "region status"), "reason": read_text, "source": read_text},
            required=("status",),
        )(value)
    )


def _exception(value: object) -> ExceptionFact:
    return ExceptionFact(
        **object_of(
            {"rule": read_text, "reason": read_text, "expires_at": moment},
            required=("rule", "reason", "expires_at"),
        )(value)
    )


_FACTS = object_of(
    {
        "username": read_text,
        "now": moment,
        "joined_at": moment,
        "has_totp": flag,
        "has_webauthn": flag,
        "is_organization": flag,
        "opted_out": flag,
        "email_changed_at": moment,
        "roles": list_of(_role),
        "roster_taken_at": moment,
        "keys_available": read_count,
        "live_claims": read_count,
        "invited_in_wave": flag,
        "address_claims": read_count,
        "country": country_code,
        "region": _region,
        "campaign": _campaign,
        "exceptions": list_of(_exception),
    }
)


def in_json(value: object) -> Any:
    """A fact as JSON: times in UTC with Z, days in ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [in_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: in_json(item) for key, item in value.items()}
    if isinstance(value, RoleFact | CampaignFact | RegionFact | ExceptionFact):
        return _document(value)
    return value


def _document(
    record: Facts | RoleFact | CampaignFact | RegionFact | ExceptionFact,
) -> dict[str, object]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: in_json(value) for name, value in values.items() if value is not None and value != ""}
