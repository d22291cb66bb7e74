"""Arguments shared by operations: path and query parameters, access, responses."""

from collections.abc import Callable
from typing import Annotated, TypedDict

from django.http import HttpRequest
from ninja import Path, Query

from api.authentication import Anyone, Session, Token
from api.schemas import Out, ProblemOut

# Statuses that any operation may answer with a problem document.
_PROBLEMS = frozenset({401, 403, 404, 409, 422, 429})

ClaimCode = Annotated[str, Path(pattern=r"^C-[0-9A-Z]{12}$")]
Country = Annotated[str, Path(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2 code.")]
CountryQuery = Annotated[
    str | None,
    Query(None, pattern=r"^[A-Z]{2}$", description="Destination country, as an ISO 3166-1 alpha-2 code."),
]
CampaignQuery = Annotated[
    str | None,
    Query(
        None, pattern=r"^[-a-zA-Z0-9_]{1,50}$", description="Slug of a campaign; the current one if left out."
    ),
]
# Usernames on the index are short. The database rejects some control characters.
Username = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f/]{1,150}$")]


class Access(TypedDict):
    """Who may call an operation, as arguments of its route."""

    auth: Callable[[HttpRequest], object]
    openapi_extra: dict[str, object]


def needs(scope: str) -> Access:
    """Require a token with this scope."""
    return {"auth": Token(scope), "openapi_extra": {"x-scope": scope}}


def for_maintainers() -> Access:
    """Require a signed-in maintainer."""
    return {"auth": Session(), "openapi_extra": {"x-scope": "session"}}


def for_anyone() -> Access:
    """Allow anyone."""
    return {"auth": Anyone(), "openapi_extra": {"x-scope": "public"}}


def answers(schema: type[Out | dict[str, object]], *, status: int = 200) -> dict[int | frozenset[int], type]:
    """Responses of an operation: the schema on success, otherwise a problem document."""
    return {status: schema, _PROBLEMS: ProblemOut}
