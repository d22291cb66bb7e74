"""What an index pushes and reads of the roster, and policies as documents."""

from datetime import date, datetime
from typing import Any, Literal

from ninja import Schema
from pydantic import AwareDatetime, Field

from api.schemas import In
from api.validation_errors import Text

# A push is one request; longer lists come as files (`manage.py import_roles` and the like).
MOST_ROWS = 20_000


class SnapshotIn(In):
    """A whole list: what it leaves out has ended (roles) or stays as it is (accounts)."""

    kind: Literal["downloads", "roles", "accounts"]
    source: Text = Field("api", description="What it is a list of, for the record.")
    rows: list[dict[str, Any]] = Field(
        min_length=1, max_length=MOST_ROWS, description="As a JSON file of this list would have them."
    )
    window_start: date | None = Field(None, description="First day that downloads were counted on.")
    window_end: date | None = None


class SnapshotOut(Schema):
    kind: str
    source: str
    sha256: str
    rows: int
    is_new: bool = Field(description="False when the very same list was received before.")
    taken_at: datetime
    added: int
    changed: int
    ended: int
    unchanged: int


class AccountOut(Schema):
    username: str
    joined_at: datetime | None
    has_totp: bool
    has_webauthn: bool
    is_organization: bool
    two_factor_observed_at: datetime


class DesignationOut(Schema):
    reason: str
    designated_on: date
    rank: int | None
    downloads: int | None
    note: str


class ProjectOut(Schema):
    name: str
    normalized_name: str
    critical_since: date
    reasons: list[DesignationOut]
    flags: list[str] = Field(description="What became of it: deleted, recreated, renamed, transferred.")


class ProjectListOut(Schema):
    items: list[ProjectOut]
    next: str | None


class PolicyOut(Schema):
    version: str
    status: str
    document: dict[str, Any]
    drafted_by: str
    published_by: str
    published_at: datetime | None
    effective_at: datetime | None


class PolicyListOut(Schema):
    items: list[PolicyOut]
    next: str | None


class PublishIn(In):
    effective_at: AwareDatetime | None = Field(None, description="From when it is in force; now by default.")


class PreviewOut(Schema):
    current: str
    proposed: str
    difference: list[str]
    counts: dict[str, int]
    gained: list[str]
    lost: list[str]
    by_rule: dict[str, dict[str, int]]
    by_region: dict[str, dict[str, int]]
    outcomes: dict[str, int]
