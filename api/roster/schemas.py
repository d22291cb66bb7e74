"""Requests and responses about the roster."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from api.schemas import In, Out
from api.validation_errors import Text

# One request holds a whole list; longer lists are imported from files (`manage.py import_roles` and others).
MOST_ROWS = 20_000


class SnapshotIn(In):
    """A complete list. Roles it leaves out have ended; accounts it leaves out stay unchanged."""

    kind: Literal["downloads", "roles", "accounts"]
    source: Text = Field("api", description="Name of the list, for the record.")
    rows: list[dict[str, object]] = Field(
        min_length=1, max_length=MOST_ROWS, description="Rows as in a JSON file of this list."
    )
    window_start: date | None = Field(None, description="First day of the download counts.")
    window_end: date | None = None


class SnapshotOut(Out):
    kind: str
    source: str
    sha256: str
    rows: int
    is_new: bool = Field(description="False if the same list had been received before.")
    taken_at: datetime
    added: int
    changed: int
    ended: int
    unchanged: int


class AccountOut(Out):
    username: str
    joined_at: datetime | None
    has_totp: bool
    has_webauthn: bool
    is_organization: bool
    two_factor_observed_at: datetime


class CriticalReasonOut(Out):
    reason: str
    designated_on: date
    rank: int | None
    downloads: int | None
    note: str


class ProjectOut(Out):
    name: str
    normalized_name: str
    critical_since: date
    reasons: list[CriticalReasonOut]
    flags: list[str] = Field(description="Changes to the project: deleted, recreated, renamed, transferred.")


class ProjectListOut(Out):
    items: list[ProjectOut]
    next: str | None
