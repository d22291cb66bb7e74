"""What the routers share."""

from typing import Annotated, Any

from ninja import Path, Query

from api.authentication import Anyone, SessionCaller, Token
from api.schemas import ProblemOut

# What every call may be refused with besides its own refusals.
_PROBLEMS = frozenset({401, 403, 404, 409, 422, 429})

ClaimCode = Annotated[str, Path(pattern=r"^C-[0-9A-Z]{12}$")]
Country = Annotated[str, Path(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")]
CountryQuery = Annotated[
    str | None, Query(None, pattern=r"^[A-Z]{2}$", description="Where the keys would go; ISO 3166-1 alpha-2.")
]
CampaignQuery = Annotated[
    str | None,
    Query(None, pattern=r"^[-a-zA-Z0-9_]{1,50}$", description="A slug; left out: the current one."),
]
# Names of the index are short; what cannot be one must not reach the database.
Username = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f/]{1,150}$")]


def needs(scope: str) -> dict[str, Any]:
    """Arguments of an operation that needs a token with this scope."""
    return {"auth": Token(scope), "openapi_extra": {"x-scope": scope}}


def for_maintainers() -> dict[str, Any]:
    """Arguments of an operation of the signed-in maintainer."""
    return {"auth": SessionCaller(), "openapi_extra": {"x-scope": "session"}}


def for_anyone() -> dict[str, Any]:
    """Arguments of a public operation."""
    return {"auth": Anyone(), "openapi_extra": {"x-scope": "public"}}


def answers(schema: Any, *, status: int = 200) -> dict[Any, Any]:
    """The answer of an operation, and the problem documents it may give instead."""
    return {status: schema, _PROBLEMS: ProblemOut}
