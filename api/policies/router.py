"""Policies: drafted, previewed on the whole roster, published by a second token."""

import re
from typing import Annotated

from django.http import HttpRequest
from ninja import Body, Path, Router
from ninja.responses import Status

from api.authentication import bearer_token
from api.paging import Cursor, Limit, decode_cursor, paginate
from api.policies.schemas import PolicyListOut, PolicyOut, PolicyPreviewOut, PolicyPublicationIn
from api.responses import CampaignQuery, answers, needs
from common import clock
from common.errors import BadRequest, FieldError
from fulfillment.claims.campaigns.policy_preview import preview_draft
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from roster.errors import PolicyError
from roster.models import Policy
from roster.services.policies import draft_policy, publish_draft

router = Router(tags=["policies"])
Version = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


@router.get("", response=answers(PolicyListOut), summary="List policy versions", **needs("policies:write"))
def list_policies(request: HttpRequest, limit: Limit, cursor: Cursor) -> PolicyListOut:
    rows = Policy.objects.order_by("version")
    if cursor:
        (after,) = decode_cursor(cursor, parts=1)
        rows = rows.filter(version__gt=after)
    shown, following = paginate(
        list(rows[: limit + 1]), limit=limit, cursor_of=lambda policy: (policy.version,)
    )
    return PolicyListOut(items=[PolicyOut.model_validate(policy) for policy in shown], next=following)


@router.post(
    "", response=answers(PolicyOut, status=201), summary="Draft a policy version", **needs("policies:write")
)
def create_policy(request: HttpRequest, policy: Body[dict[str, object]]) -> Status[Policy]:
    """The body is the policy document. Drafting a version again replaces its draft."""
    try:
        made = draft_policy(document=policy, actor=bearer_token(request).actor, now=clock.now())
    except PolicyError as error:
        raise BadRequest(
            [
                FieldError(
                    # Field paths use dots in the API: rules.0.allow.1
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
    response=answers(PolicyPreviewOut),
    summary="Preview a draft",
    url_name="preview",
    **needs("policies:write"),
)
def post_policy_preview(request: HttpRequest, version: Version, campaign: CampaignQuery) -> PolicyPreviewOut:
    """Decides every maintainer under the campaign's policy and under this draft.

    A draft can only be published as it was previewed.
    """
    now = clock.now()
    found, _ = preview_draft(
        version=version,
        campaign=campaign_by_slug(campaign) if campaign else current_campaign(now),
        actor=bearer_token(request).actor,
        now=now,
    )
    return PolicyPreviewOut.model_validate(found.as_document())


@router.post(
    "/{version}/publish",
    response=answers(PolicyOut),
    summary="Publish a draft",
    url_name="publish",
    **needs("policies:write"),
)
def post_policy_publication(
    request: HttpRequest, version: Version, publication: PolicyPublicationIn
) -> Policy:
    """Needs a different token than drafting did. A published policy never changes."""
    return publish_draft(
        version=version,
        actor=bearer_token(request).actor,
        now=clock.now(),
        effective_at=publication.effective_at,
    )
