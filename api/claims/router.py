"""Claims, created, read and changed by a package index or by staff software."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Query, Router
from ninja.responses import Status
from pydantic import AwareDatetime

from api.authentication import bearer_token
from api.claims.schemas import AddressIn, ClaimIn, ClaimListOut, ClaimOut, ClaimReviewIn
from api.claims.serializers import select_claims, serialize_claim, serialize_claims, updated_after
from api.paging import Cursor, Limit, decode_cursor, decode_time, paginate
from api.responses import ClaimCode, answers, needs
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


@router.post("", response=answers(ClaimOut, status=201), summary="Create a claim", **needs("claims:write"))
def create_claim(request: HttpRequest, response: HttpResponse, claim: ClaimIn) -> Status[ClaimOut]:
    """Claims keys for a maintainer. If stock has run out, the claim is waitlisted; this is not an error.

    403 `ineligible` includes the decision, 409 `already_claimed` the code of the existing claim.
    """
    now = clock.now()
    campaign, address, terms = _validate(claim, now=now)
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
    return Status(201, serialize_claim(made.code))


def _validate(claim: ClaimIn, *, now: datetime) -> tuple[Campaign, PostalAddress, ClaimTerms]:
    """Validate a claim completely, so that all of its errors are reported together.

    Raises: BadRequest.
    """
    problems = list(claim.problems)
    bad = {problem.field.partition(".")[0] for problem in problems}
    problems += [
        FieldError(field, "required", "This field is required.")
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
            FieldError("maintainer", "unknown_maintainer", "No account on the roster has this username.")
        )
    address, region, address_errors, offered = None, None, [], {}
    try:
        address, region = read_address(claim.shipping_address, now=now)
    except BadRequest as error:
        address_errors = error.errors
    if campaign and "items" not in bad:
        offered = offered_models(campaign, country=address.country if address else "", now=now)
        wanted = [item.as_wanted() for item in claim.items]
        problems += item_problems(wanted, campaign=campaign, offered=offered, now=now)
    problems += address_errors
    if problems or campaign is None or address is None:
        raise BadRequest(problems)
    return campaign, address, ClaimTerms(region, offered)


@router.get(
    "",
    response=answers(ClaimListOut),
    summary="List claims, in order of last change",
    url_name="list_claims",
    **needs("claims:read"),
)
def get_claims(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    updated_since: Annotated[
        AwareDatetime | None, Query(None, description="Only claims changed then or later.")
    ],
) -> ClaimListOut:
    """To follow changes, pass the newest `updated_at` seen so far; a changed claim is listed again."""
    claims = Claim.objects.order_by("updated_at", "code")
    if updated_since:
        claims = claims.filter(updated_at__gte=updated_since)
    if cursor:
        moment, code = decode_cursor(cursor, parts=2)
        claims = updated_after(claims, decode_time(moment), code)
    shown, following = paginate(
        list(select_claims(claims)[: limit + 1]),
        limit=limit,
        cursor_of=lambda claim: (claim["updated_at"].isoformat(), claim["code"]),
    )
    return ClaimListOut(items=serialize_claims(shown), next=following)


@router.get("/{code}", response=answers(ClaimOut), summary="Get a claim", **needs("claims:read"))
def get_claim(request: HttpRequest, code: ClaimCode) -> ClaimOut:
    return serialize_claim(_existing(code).code)


@router.post(
    "/{code}/cancel",
    response=answers(ClaimOut),
    summary="Cancel a claim",
    url_name="cancel",
    **needs("claims:write"),
)
def post_claim_cancellation(request: HttpRequest, code: ClaimCode) -> ClaimOut:
    """Possible until the label is bought, otherwise 409 `too_late`. The keys go to the next claim in line."""
    cancel_claim(code=code, actor=bearer_token(request).actor, now=clock.now())
    return serialize_claim(code)


@router.post(
    "/{code}/review",
    response=answers(ClaimOut),
    summary="Review a claim",
    url_name="review",
    **needs("claims:write"),
)
def post_claim_review(request: HttpRequest, code: ClaimCode, review: ClaimReviewIn) -> ClaimOut:
    """Approve or reject a claim in review, with a note."""
    review_claim(
        code=code,
        approve=review.outcome == "approve",
        note=review.note,
        reviewer=bearer_token(request).actor,
        now=clock.now(),
    )
    return serialize_claim(code)


@router.put(
    "/{code}/shipping-address",
    response=answers(ClaimOut),
    summary="Change the shipping address",
    **needs("claims:write"),
)
def put_shipping_address(
    request: HttpRequest,
    code: ClaimCode,
    shipping_address: Body[AddressIn],
) -> ClaimOut:
    """The body is the new address, in the same country. Possible until the label is bought."""
    now = clock.now()
    claim = _existing(code)
    address, _ = read_address(shipping_address, now=now)
    if address.country != claim.country:
        raise BadRequest(
            [
                FieldError(
                    "shipping_address.country",
                    "other_country",
                    f"This claim was approved for {claim.country}. Cancel it and create a new claim.",
                )
            ]
        )
    change_address(code=code, address=address, actor=bearer_token(request).actor, now=now)
    return serialize_claim(code)


def _existing(code: str) -> Claim:
    claim = Claim.objects.filter(code=code).first()
    if claim is None:
        raise UnknownClaim(code)
    return claim
