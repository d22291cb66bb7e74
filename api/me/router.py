"""Eligibility, claims and personal data of the signed-in maintainer."""

from django.contrib.auth import logout
from django.http import HttpRequest
from ninja import Router

from api.authentication import caller_account
from api.claims.schemas import ClaimListOut, ClaimOut
from api.claims.serializers import select_claims, serialize_claim, serialize_claims, updated_after
from api.maintainers.serializers import serialize_decision
from api.me.schemas import ErasedOut, PersonalDataOut
from api.paging import Cursor, Limit, decode_cursor, decode_time, paginate
from api.responses import CampaignQuery, ClaimCode, CountryQuery, answers, for_maintainers
from api.schemas import DecisionOut
from common import clock
from fulfillment.claims.errors import UnknownClaim
from fulfillment.claims.models import Claim
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.privacy.erasure import erase
from fulfillment.privacy.export import everything_about

router = Router(tags=["me"])


@router.get("/eligibility", response=answers(DecisionOut), summary="My eligibility", **for_maintainers())
def my_eligibility(request: HttpRequest, country: CountryQuery, campaign: CampaignQuery) -> DecisionOut:
    return serialize_decision(caller_account(request), campaign=campaign, country=country, now=clock.now())


@router.get("/claims", response=answers(ClaimListOut), summary="My claims", **for_maintainers())
def my_claims(request: HttpRequest, limit: Limit, cursor: Cursor) -> ClaimListOut:
    claims = Claim.objects.of(caller_account(request).pk).order_by("updated_at", "code")
    if cursor:
        moment, code = decode_cursor(cursor, parts=2)
        claims = updated_after(claims, decode_time(moment), code)
    shown, following = paginate(
        list(select_claims(claims)[: limit + 1]),
        limit=limit,
        cursor_of=lambda claim: (claim["updated_at"].isoformat(), claim["code"]),
    )
    return ClaimListOut(items=serialize_claims(shown), next=following)


@router.get("/claims/{code}", response=answers(ClaimOut), summary="One of my claims", **for_maintainers())
def my_claim(request: HttpRequest, code: ClaimCode) -> ClaimOut:
    return serialize_claim(_mine(request, code))


@router.post(
    "/claims/{code}/cancel", response=answers(ClaimOut), summary="Cancel my claim", **for_maintainers()
)
def cancel_my_claim(request: HttpRequest, code: ClaimCode) -> ClaimOut:
    account = caller_account(request)
    cancel_claim(code=_mine(request, code), actor=f"maintainer:{account.pk}", now=clock.now())
    return serialize_claim(code)


@router.get(
    "/data",
    response=answers(PersonalDataOut),
    summary="My personal data",
    description="Everything held about me. Decrypts my addresses; the access is logged.",
    **for_maintainers(),
)
def my_data(request: HttpRequest) -> dict[str, object]:
    return everything_about(caller_account(request), now=clock.now())


@router.delete(
    "/data",
    response=answers(ErasedOut),
    summary="Erase my personal data",
    description="Erases what may be erased, cancels open claims where possible and ends the session. "
    "The response lists what is kept and why.",
    **for_maintainers(),
)
def erase_my_data(request: HttpRequest) -> dict[str, object]:
    document = erase(account=caller_account(request), now=clock.now()).as_document()
    logout(request)
    return document


def _mine(request: HttpRequest, code: str) -> str:
    """Raises: UnknownClaim: no such claim, or one of another maintainer; both get the same response."""
    if not Claim.objects.of(caller_account(request).pk).filter(code=code).exists():
        raise UnknownClaim(code)
    return code
