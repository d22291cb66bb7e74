"""Campaigns and claims: the current campaign, a maintainer's live claim, the waitlist, related claims."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
    """The default campaign: the open one, else the last to open.

    Args: among: all campaigns, with the annotations that the caller needs.
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


def waitlist_wants(models: Collection[int | None], *, campaign_id: int) -> bool:
    """Whether claims on the waitlist want keys that a request for these models would take (None: any)."""
    if None in models:
        return bool(_first_waiting(campaign_id=campaign_id))
    named = [model for model in models if model]
    return bool(_first_waiting_for_named(models=named, campaign_id=campaign_id))


@prepared
def _first_waiting(*, campaign_id: int) -> QuerySet[Claim, int]:
    return Claim.objects.waiting_in(campaign_id).order_by().values_list("pk", flat=True)[:1]


@prepared
def _first_waiting_for_named(*, models: Sequence[int], campaign_id: int) -> QuerySet[Claim, int]:
    line = Claim.objects.waiting_for_named(models, campaign_id=campaign_id)
    return line.order_by().values_list("pk", flat=True)[:1]


def waitlist_place(claim: Claim) -> int | None:
    """The place on the waitlist, from 1; None for a claim that is not on it or has been offered keys."""
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


RelationKind = Literal["rest", "replacement", "first", "replaced"]


@dataclass(frozen=True)
class RelatedClaim:
    """A claim related to another: its backorder or replacement, or the claim that those belong to.

    `place` is its place on the waitlist, None when it is not on it.
    """

    code: str
    kind: RelationKind
    keys: int
    place: int | None


def related_claims(claim: Claim) -> list[RelatedClaim]:
    """The claims related to this one, oldest first, without cancelled ones; one query."""
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
            kind=_kind(
                is_follower=claim.replaces_id is None,
                is_about_replacement=other.is_replacement
                if claim.replaces_id is None
                else other.replaces_some,
            ),
            keys=other.keys,
            place=other.place if other.state == ClaimState.WAITLISTED and not other.offered_until else None,
        )
        for other in found
    ]


def _first_of(claim: Claim) -> QuerySet[Claim]:
    return Claim.objects.filter(replacements=claim)


def _kind(*, is_follower: bool, is_about_replacement: bool) -> RelationKind:
    if is_follower:
        return "replacement" if is_about_replacement else "rest"
    return "replaced" if is_about_replacement else "first"
