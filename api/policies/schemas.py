"""Requests and responses about policies."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from api.schemas import In, Out


class PolicyOut(Out):
    version: str
    status: str
    document: dict[str, object]
    drafted_by: str
    published_by: str
    published_at: datetime | None
    effective_at: datetime | None


class PolicyListOut(Out):
    items: list[PolicyOut]
    next: str | None


class PolicyPublicationIn(In):
    effective_at: AwareDatetime | None = Field(None, description="When it takes effect; now by default.")


class PolicyPreviewOut(Out):
    current: str
    proposed: str
    difference: list[str]
    counts: dict[str, int]
    gained: list[str]
    lost: list[str]
    by_rule: dict[str, dict[str, int]]
    by_region: dict[str, dict[str, int]]
    outcomes: dict[str, int]
