"""The same for the person who is signed in, about themselves only."""

from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest
from ninja import Router

from api.authentication import caller_account
from api.documents import claim_document, claim_documents, updated_after, with_parts
from api.maintainers.serializers import decision_document
from api.paging import Cursor, Limit, decode_cursor, decode_time, paginate
from api.responses import CampaignQuery, ClaimCode, CountryQuery, answers, for_maintainers
from api.schemas import ClaimListOut, ClaimOut, DecisionOut, ErasedOut, PersonalDataOut
from common import clock
from fulfillment.claims.errors import UnknownClaim
from fulfillment.claims.models import Claim
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.privacy.erasure import erase
from fulfillment.privacy.export import everything_about

router = Router(tags=["me"])


@router.get("/eligibility", response=answers(DecisionOut), summary="Whether I may claim", **for_maintainers())
def my_eligibility(request: HttpRequest, country: CountryQuery, campaign: CampaignQuery) -> dict[str, Any]:
    return decision_document(caller_account(request), campaign=campaign, country=country, now=clock.now())


@router.get("/claims", response=answers(ClaimListOut), summary="My claims", **for_maintainers())
def my_claims(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    claims = Claim.objects.of(caller_account(request).pk).order_by("updated_at", "code")
    if cursor:
        moment, code = decode_cursor(cursor, parts=2)
        claims = updated_after(claims, decode_time(moment), code)
    shown, following = paginate(
        list(with_parts(claims)[: limit + 1]),
        limit=limit,
        cursor_of=lambda claim: (claim["updated_at"].isoformat(), claim["code"]),
    )
    return {"items": claim_documents(shown), "next": following}


@router.get("/claims/{code}", response=answers(ClaimOut), summary="One of my claims", **for_maintainers())
def my_claim(request: HttpRequest, code: ClaimCode) -> dict[str, Any]:
    return claim_document(_mine(request, code))


@router.post(
    "/claims/{code}/cancel", response=answers(ClaimOut), summary="Cancel my claim", **for_maintainers()
)
def cancel_my_claim(request: HttpRequest, code: ClaimCode) -> dict[str, Any]:
    account = caller_account(request)
    cancel_claim(code=_mine(request, code), actor=f"maintainer:{account.pk}", now=clock.now())
    return claim_document(code)


@router.get(
    "/data",
    response=answers(PersonalDataOut),
    summary="Everything held about me",
    description="Opens my addresses, which stands in the access log.",
    **for_maintainers(),
)
def my_data(request: HttpRequest) -> dict[str, Any]:
    return everything_about(caller_account(request), now=clock.now())


@router.delete(
    "/data",
    response=answers(ErasedOut),
    summary="Erase what may be erased about me",
    description="Cancels what can be cancelled and ends the session. The answer says what stays and why.",
    **for_maintainers(),
)
def erase_my_data(request: HttpRequest) -> dict[str, Any]:
    document = erase(account=caller_account(request), now=clock.now()).as_document()
    logout(request)
    return document


def _mine(request: HttpRequest, code: str) -> str:
    """Raises: UnknownClaim: there is none, or it is somebody else's, which is not told apart."""
    if not Claim.objects.of(caller_account(request).pk).filter(code=code).exists():
        raise UnknownClaim(code)
    return code
