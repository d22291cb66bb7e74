"""Claims, as an index or a staff program makes, reads and changes them."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Query, Router
from ninja.responses import Status
from pydantic import AwareDatetime

from api.authentication import bearer_token
from api.documents import claim_document, claim_documents, updated_after, with_parts
from api.paging import Cursor, Limit, decode_cursor, decode_time, paginate
from api.responses import ClaimCode, answers, needs
from api.schemas import AddressIn, ClaimIn, ClaimListOut, ClaimOut, ReviewIn
from common import clock
from common.errors import BadRequest, FieldError
from fulfillment.claims.errors import UnknownCampaign, UnknownClaim
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.region_lookup import offered_models
from fulfillment.claims.requests import ClaimTerms, item_problems, read_address
from fulfillment.claims.selectors import campaign_by_slug
from fulfillment.claims.services.amendments_and_reviews import (
    cancel_claim,
    change_address,
    review_claim,
)
from fulfillment.claims.services.submission import submit_claim
from fulfillment.vault.addresses import PostalAddress
from roster.selectors import account_named

router = Router(tags=["claims"])


@router.post("", response=answers(ClaimOut, status=201), summary="Make a claim", **needs("claims:write"))
def create_claim(request: HttpRequest, response: HttpResponse, claim: ClaimIn) -> Status[dict[str, Any]]:
    """Claim keys for a maintainer. Out of stock gives a place on the waitlist, not an error.

    403 `ineligible` carries the decision, 409 `already_claimed` the code of the claim there is.
    """
    now = clock.now()
    campaign, address, terms = _check(claim, now=now)
    made = submit_claim(
        campaign=campaign,
        username=claim.maintainer,
        items=[item.as_wanted() for item in claim.items],
        address=address,
        service=claim.service,
        terms=terms,
        actor=bearer_token(request).actor,
        now=now,
    )
    response.headers["Location"] = reverse("api-v1:get_claim", args=[made.code])
    return Status(201, claim_document(made.code))


def _check(claim: ClaimIn, *, now: datetime) -> tuple[Campaign, PostalAddress, ClaimTerms]:
    """Find everything that is wrong with a claim before saying any of it.

    Raises: BadRequest.
    """
    problems = list(claim.problems)
    bad = {problem.field.partition(".")[0] for problem in problems}
    problems += [
        FieldError(field, "required", "This field is needed.")
        for field in ("campaign", "maintainer")
        if field not in bad and not getattr(claim, field)
    ]
    campaign = None
    if claim.campaign:
        try:
            campaign = campaign_by_slug(claim.campaign)
        except UnknownCampaign as error:
            problems.append(FieldError("campaign", error.code, str(error)))
    if claim.maintainer and account_named(claim.maintainer) is None:
        problems.append(
            FieldError("maintainer", "unknown_maintainer", "There is no such account on the roster.")
        )
    address, region, of_the_address, offered = None, None, [], {}
    try:
        address, region = read_address(claim.shipping_address, now=now)
    except BadRequest as error:
        of_the_address = error.errors
    if campaign and "items" not in bad:
        offered = offered_models(campaign, country=address.country if address else "", now=now)
        wanted = [item.as_wanted() for item in claim.items]
        problems += item_problems(wanted, campaign=campaign, offered=offered, now=now)
    problems += of_the_address
    if problems or campaign is None or address is None:
        raise BadRequest(problems)
    return campaign, address, ClaimTerms(region, offered)


@router.get(
    "", response=answers(ClaimListOut), summary="Claims, in the order they changed", **needs("claims:read")
)
def get_claims(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    updated_since: Annotated[
        AwareDatetime | None, Query(None, description="Only claims that changed then or later.")
    ],
) -> dict[str, Any]:
    """Keep the newest `updated_at` you have seen and ask again with it: a claim that changes comes again."""
    claims = Claim.objects.order_by("updated_at", "code")
    if updated_since:
        claims = claims.filter(updated_at__gte=updated_since)
    if cursor:
        moment, code = decode_cursor(cursor, parts=2)
        claims = updated_after(claims, decode_time(moment), code)
    shown, following = paginate(
        list(with_parts(claims)[: limit + 1]),
        limit=limit,
        cursor_of=lambda claim: (claim["updated_at"].isoformat(), claim["code"]),
    )
    return {"items": claim_documents(shown), "next": following}


@router.get("/{code}", response=answers(ClaimOut), summary="One claim", **needs("claims:read"))
def get_claim(request: HttpRequest, code: ClaimCode) -> dict[str, Any]:
    return claim_document(_existing(code).code)


@router.post("/{code}/cancel", response=answers(ClaimOut), summary="Cancel a claim", **needs("claims:write"))
def cancel_claim_call(request: HttpRequest, code: ClaimCode) -> dict[str, Any]:
    """Allowed until the label is bought, else 409 `too_late`. The keys go to the next in line."""
    cancel_claim(code=code, actor=bearer_token(request).actor, now=clock.now())
    return claim_document(code)


@router.post(
    "/{code}/review", response=answers(ClaimOut), summary="Decide a claim in review", **needs("claims:write")
)
def review_claim_call(request: HttpRequest, code: ClaimCode, review: ReviewIn) -> dict[str, Any]:
    review_claim(
        code=code,
        approve=review.outcome == "approve",
        note=review.note,
        reviewer=bearer_token(request).actor,
        now=clock.now(),
    )
    return claim_document(code)


@router.put(
    "/{code}/shipping-address",
    response=answers(ClaimOut),
    summary="Send the keys elsewhere",
    **needs("claims:write"),
)
def put_shipping_address(
    request: HttpRequest,
    code: ClaimCode,
    shipping_address: Body[AddressIn],
) -> dict[str, Any]:
    """The body is the address. It must stay in the same country; allowed until the label is bought."""
    now = clock.now()
    claim = _existing(code)
    address, _ = read_address(shipping_address, now=now)
    if address.country != claim.country:
        raise BadRequest(
            [
                FieldError(
                    "shipping_address.country",
                    "other_country",
                    f"This claim was decided for {claim.country}. Cancel it and make another claim.",
                )
            ]
        )
    change_address(code=code, address=address, actor=bearer_token(request).actor, now=now)
    return claim_document(code)


def _existing(code: str) -> Claim:
    claim = Claim.objects.filter(code=code).first()
    if claim is None:
        raise UnknownClaim(code)
    return claim
