"""Campaigns and claims: the current campaign, a maintainer's live claim, the waitlist, related claims."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum

from common.prepared_queries import prepared
from fulfillment.claims.errors import UnknownCampaign
from fulfillment.claims.models import Campaign, Claim, ReplacedUnit
from fulfillment.claims.rules import ClaimState
from roster.models import Account


def campaign_by_slug(slug: str) -> Campaign:
    """Raises: UnknownCampaign."""
    for campaign in _campaigns(slug=slug):
        return campaign
    raise UnknownCampaign(slug)


@prepared
def _campaigns(*, slug: str) -> QuerySet[Campaign]:
    return Campaign.objects.select_related("policy").filter(slug=slug)


def current_campaign(now: datetime, *, among: QuerySet[Campaign] | None = None) -> Campaign | None:
    """The campaign people mean when they name none: the open one, else the last to open.

    Args: among: all campaigns, annotated with what the caller needs besides.
    """
    campaigns = Campaign.objects.all() if among is None else among
    by_opening = campaigns.select_related("policy").order_by("-opens_at")
    return by_opening.filter(opens_at__lte=now, closes_at__gt=now).first() or by_opening.first()


def live_claim(*, campaign: Campaign, account: Account) -> Claim | None:
    """The one claim that a maintainer may have in a campaign."""
    return next(iter(_live_claims(campaign=campaign, account=account)), None)


@prepared
def _live_claims(*, campaign: Campaign, account: Account) -> QuerySet[Claim]:
    return Claim.objects.live().filter(campaign=campaign, account=account).order_by("pk")[:1]


def others_wait_for(models: Collection[int | None], *, campaign_id: int) -> bool:
    """Whether anybody waits for what a request for these key models would take; None is any model."""
    if None in models:
        return bool(_first_in_line(campaign_id=campaign_id))
    named = [model for model in models if model]
    return bool(_first_in_line_for_named(models=named, campaign_id=campaign_id))


@prepared
def _first_in_line(*, campaign_id: int) -> QuerySet[Claim, int]:
    return Claim.objects.in_line(campaign_id).order_by().values_list("pk", flat=True)[:1]


@prepared
def _first_in_line_for_named(*, models: Sequence[int], campaign_id: int) -> QuerySet[Claim, int]:
    line = Claim.objects.in_line_for_named(models, campaign_id=campaign_id)
    return line.order_by().values_list("pk", flat=True)[:1]


def waitlist_place(claim: Claim) -> int | None:
    """1 for the first on the waitlist; None for a claim that is not on it, or has been offered keys."""
    if claim.state != ClaimState.WAITLISTED or claim.offered_until is not None:
        return None
    ahead = (
        Claim.objects.waitlist()
        .filter(campaign_id=claim.campaign_id)
        .filter(
            Q(waitlisted_at__lt=claim.waitlisted_at) | Q(waitlisted_at=claim.waitlisted_at, id__lt=claim.id)
        )
    )
    return ahead.count() + 1


@dataclass(frozen=True)
class RelatedClaim:
    """Another claim of the same keys: the rest of a claim, or what replaces some of it; or the other way.

    `place` is its place in line, None when it waits for nothing.
    """

    code: str
    kind: Literal["rest", "replacement", "first", "replaced"]
    keys: int
    place: int | None


def related_claims(claim: Claim) -> list[RelatedClaim]:
    """The claims that belong to this one, oldest first, given-up ones left out; one query."""
    ahead = Claim.objects.waitlist().order_by().filter(campaign=OuterRef("campaign"))
    ahead = ahead.filter(
        Q(waitlisted_at__lt=OuterRef("waitlisted_at"))
        | Q(waitlisted_at=OuterRef("waitlisted_at"), id__lte=OuterRef("pk"))
    )
    others = Claim.objects.filter(replaces=claim.pk) if claim.replaces_id is None else _first_of(claim)
    found = (
        others.exclude(state=ClaimState.CANCELLED)
        .annotate(
            keys=Sum("items__quantity"),
            is_replacement=Exists(ReplacedUnit.objects.filter(claim=OuterRef("pk"))),
            replaces_some=Exists(ReplacedUnit.objects.filter(claim=claim.pk)),
            place=Subquery(ahead.values("campaign").annotate(number=Count("pk")).values("number")),
        )
        .order_by("created_at", "pk")
    )
    return [
        RelatedClaim(
            code=other.code,
            kind=_kind(other) if claim.replaces_id is None else _kind_of_first(other),
            keys=other.keys,
            place=other.place if other.state == ClaimState.WAITLISTED and not other.offered_until else None,
        )
        for other in found
    ]


def _first_of(claim: Claim) -> QuerySet[Claim]:
    return Claim.objects.filter(replacements=claim)


def _kind(other: Any) -> Literal["rest", "replacement"]:
    return "replacement" if other.is_replacement else "rest"


def _kind_of_first(first: Any) -> Literal["first", "replaced"]:
    return "replaced" if first.replaces_some else "first"
