"""Policies: drafted, previewed over the whole roster, published by another. Two names are two tokens."""

import re
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Path, Router
from ninja.responses import Status

from api.authentication import bearer_token
from api.paging import Cursor, Limit, decode_cursor, paginate
from api.responses import CampaignQuery, answers, needs
from api.roster.schemas import PolicyListOut, PolicyOut, PreviewOut, PublishIn
from common import clock
from common.errors import BadRequest, FieldError
from fulfillment.claims.campaigns.policy_preview import preview_draft
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from roster.errors import PolicyError
from roster.models import Policy
from roster.services.policies import draft_policy, publish_draft

router = Router(tags=["policies"])
Version = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


@router.get("", response=answers(PolicyListOut), summary="All versions", **needs("policies:write"))
def list_policies(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    rows = Policy.objects.order_by("version")
    if cursor:
        (after,) = decode_cursor(cursor, parts=1)
        rows = rows.filter(version__gt=after)
    shown, following = paginate(
        list(rows[: limit + 1]), limit=limit, cursor_of=lambda policy: (policy.version,)
    )
    return {"items": shown, "next": following}


@router.post(
    "", response=answers(PolicyOut, status=201), summary="Draft a version", **needs("policies:write")
)
def create_policy(request: HttpRequest, policy: Body[dict[str, Any]]) -> Status[Policy]:
    """The body is the policy. Drafting a version again writes over its draft."""
    try:
        made = draft_policy(document=policy, actor=bearer_token(request).actor, now=clock.now())
    except PolicyError as error:
        raise BadRequest(
            [
                FieldError(
                    # Places are written with dots here: rules.0.allow.1
                    re.sub(r"\[(\d+)\]", r".\1", problem.field or "body"),
                    "invalid",
                    " ".join(part for part in (problem.problem, problem.remedy) if part),
                )
                for problem in error.problems
            ]
        ) from None
    return Status(201, made)


@router.post(
    "/{version}/preview",
    response=answers(PreviewOut),
    summary="Who would gain and who would lose",
    **needs("policies:write"),
)
def preview_policy_draft(request: HttpRequest, version: Version, campaign: CampaignQuery) -> dict[str, Any]:
    """Decides everybody under the campaign's policy and this draft, which is published only as previewed."""
    now = clock.now()
    found, _ = preview_draft(
        version=version,
        campaign=campaign_by_slug(campaign) if campaign else current_campaign(now),
        actor=bearer_token(request).actor,
        now=now,
    )
    return found.as_document()


@router.post(
    "/{version}/publish",
    response=answers(PolicyOut),
    summary="Put a draft in force",
    **needs("policies:write"),
)
def publish_policy_draft(request: HttpRequest, version: Version, publication: PublishIn) -> Policy:
    """By another token than drafted it; for good."""
    return publish_draft(
        version=version,
        actor=bearer_token(request).actor,
        now=clock.now(),
        effective_at=publication.effective_at,
    )
