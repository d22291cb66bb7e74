"""Schemas that several nouns share: the strict base of requests, money, decisions, problems."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class In(BaseModel):
    """Base of request bodies: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """Base of response bodies, built field by field or from a row of the database.

    Plain pydantic: django-ninja's own base resolves every value through Django's template rules, which takes
    five times as long for a page of claims.
    """

    model_config = ConfigDict(from_attributes=True)


class MoneyOut(Out):
    amount: int = Field(description="In the currency's minor unit.")
    currency: str = Field(description="ISO 4217 code.")


class VerdictOut(Out):
    rule: str
    outcome: Literal["pass", "fail", "review"]
    reason: str
    evidence: dict[str, object]
    remedy: str


class DecisionOut(Out):
    outcome: Literal["eligible", "ineligible", "review"]
    policy: str
    headline: str | None
    verdicts: list[VerdictOut]


class FieldErrorOut(Out):
    field: str
    code: str
    message: str


class ProblemOut(Out):
    """Problem details (RFC 9457). When one is returned, nothing was changed."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldErrorOut] | None = Field(None, description="Every invalid field.")
    decision: DecisionOut | None = Field(None, description="With `ineligible`.")
    claim: str | None = Field(None, description="With `already_claimed`: the code of the existing claim.")
