"""Reads that span the roster, the stock and the claims."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import gettext_noop as _

from common.errors import BadRequest, FieldError
from common.prepared_queries import prepared
from fulfillment.claims.errors import UnknownCampaign
from fulfillment.claims.models import Campaign, Claim, Invitation, Region, ReplacedUnit
from fulfillment.claims.rules import ClaimState
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.households import household_of, lock_household, subjects_sharing
from fulfillment.vault.subdivisions import subdivision_of
from inventory.models import KeyModel
from inventory.selectors import available_count
from roster import selectors as roster_selectors
from roster.models import Account
from roster.rules import CampaignFact, Decision, Facts, RegionFact, decide, parse_policy

# More than any claim holds.
ENOUGH_KEYS = 100


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


def region_for(*, country: str, now: datetime) -> Region | None:
    """The row in force for the whole of a country; where an address is known, ask `region_of`."""
    return _by_part(country, now).get("")


def _by_part(country: str, now: datetime) -> dict[str, Region]:
    """A country's rows in force by the part they are about, empty for the whole."""
    return {row.subdivision: row for row in _regions(country=country, now=now)}


@prepared
def _regions(*, country: str, now: datetime) -> QuerySet[Region]:
    rows = Region.objects.in_force(now).filter(country=country, key_model__isnull=True)
    return rows.order_by("valid_from")


def region_of(address: PostalAddress, *, now: datetime) -> Region | None:
    """The row in force where an address is: of its part of the country, before the whole country's.

    Raises: BadRequest: parts of the country differ, and the address does not say in which one it is.
    """
    by_part = _by_part(address.country, now)
    whole = by_part.get("")
    if whole is None or len(by_part) == 1:
        return whole
    part = subdivision_of(address)
    if not part:
        raise BadRequest([FieldError("shipping_address.state", "which_part", _WHICH_PART)])
    return by_part.get(part, whole)


_WHICH_PART = "Keys do not go to every part of this country: say which it is, as in the country's own list."


def closed_parts(countries: Collection[str], *, now: datetime) -> dict[str, list[Region]]:
    """By country, the parts of it that keys do not go to even where they go to the country."""
    rows = Region.objects.in_force(now).filter(country__in=countries, key_model__isnull=True)
    found: dict[str, list[Region]] = {}
    for row in rows.exclude(subdivision="").exclude(status=Region.Status.OPEN).order_by("subdivision"):
        found.setdefault(row.country, []).append(row)
    return found


def models_for(campaign: Campaign, *, country: str, now: datetime) -> QuerySet[KeyModel]:
    """The key models the campaign gives out there; the region table may close a country to one of them."""
    closed = Region.objects.in_force(now).filter(country=country, key_model__isnull=False)
    closed = closed.exclude(status=Region.Status.OPEN)
    given_out = KeyModel.objects.filter(campaigns=campaign, is_active=True)
    return given_out.exclude(pk__in=closed.values("key_model"))


def offered_models(campaign: Campaign, *, country: str, now: datetime) -> dict[str, int]:
    """`models_for`, by SKU."""
    return dict(_offered(campaign=campaign, country=country, now=now))


@prepared
def _offered(*, campaign: Campaign, country: str, now: datetime) -> QuerySet[KeyModel, tuple[str, int]]:
    return models_for(campaign, country=country, now=now).values_list("sku", "id")


@dataclass(frozen=True)
class ClaimTerms:
    """On what terms a campaign sends keys to an address now: its region row and the key models, by SKU."""

    region: Region | None
    offered: Mapping[str, int]


def claim_terms(campaign: Campaign, *, address: PostalAddress, now: datetime) -> ClaimTerms:
    """Raises: BadRequest: as `region_of`."""
    region = region_of(address, now=now)
    return ClaimTerms(region, offered_models(campaign, country=address.country, now=now))


def live_claim(*, campaign: Campaign, account: Account) -> Claim | None:
    """The one claim that a maintainer may have in a campaign."""
    return next(iter(_live_claims(campaign=campaign, account=account)), None)


@prepared
def _live_claims(*, campaign: Campaign, account: Account) -> QuerySet[Claim]:
    return Claim.objects.live().filter(campaign=campaign, account=account).order_by("pk")[:1]


def facts_for(
    *,
    account: Account,
    campaign: Campaign,
    country: str | None,
    now: datetime,
    region: Region | None = None,
    address: PostalAddress | None = None,
    live_claims: int | None = None,
    snapshots: roster_selectors.CurrentSnapshots | None = None,
) -> Facts:
    """All a policy may ask about one maintainer in one campaign, in a fixed number of queries.

    Args: region: the country's row in force, where the caller has it already.
          address: where the keys would go, once that is known.
          live_claims, snapshots: how many there are and what the roster stands on, likewise.
    """
    if region is None and country:
        region = region_for(country=country, now=now)
    return replace(
        roster_selectors.facts_about(account=account, now=now, snapshots=snapshots),
        # Whether there are any is all a policy asks; a million units are not counted for it.
        keys_available=available_count(at_most=ENOUGH_KEYS),
        live_claims=Claim.objects.live().filter(campaign=campaign, account=account).count()
        if live_claims is None
        else live_claims,
        invited_in_wave=bool(Invitation.objects.accounts_invited(campaign, [account.pk], now))
        if _asks_for(campaign, "wave_invited")
        else None,
        address_claims=_claims_sharing(address, account=account, campaign=campaign, now=now),
        country=country,
        region=_region_fact(region) if country else None,
        campaign=CampaignFact(opens_at=campaign.opens_at, closes_at=campaign.closes_at),
    )


def _claims_sharing(
    address: PostalAddress | None, *, account: Account, campaign: Campaign, now: datetime
) -> int | None:
    """How many live claims of others go to the same household; None while the address is not known.

    Only asked where the policy has the rule, for it costs queries that no other rule needs.
    Locks: the household, until the transaction ends.
    """
    if address is None or not _asks_for(campaign, "address_not_shared"):
        return None
    household = household_of(scope=campaign.slug, address=address, now=now)
    if household is None:
        return None
    lock_household(household)
    sharing = subjects_sharing(household)
    return Claim.objects.live().filter(campaign=campaign, code__in=sharing).exclude(account=account).count()


def _asks_for(campaign: Campaign, rule: str) -> bool:
    return any(asked["rule"] == rule for asked in campaign.policy.document["rules"])


def _region_fact(region: Region | None) -> RegionFact:
    if region is None:
        return RegionFact(status="blocked", reason=_("We have no way to send keys there yet."), source="")
    return RegionFact(status=region.status, reason=region.reason, source=region.source)


@dataclass(frozen=True)
class Explained:
    """A decision and the facts it was made from."""

    decision: Decision
    facts: Facts


def explain(
    *,
    account: Account,
    campaign: Campaign,
    country: str | None,
    now: datetime,
    region: Region | None = None,
    address: PostalAddress | None = None,
    live_claims: int | None = None,
    snapshots: roster_selectors.CurrentSnapshots | None = None,
) -> Explained:
    """Whether this maintainer may claim now, with every rule's verdict. Stores nothing.

    Args: as `facts_for`.
    """
    facts = facts_for(
        account=account,
        campaign=campaign,
        country=country,
        now=now,
        region=region,
        address=address,
        live_claims=live_claims,
        snapshots=snapshots,
    )
    return Explained(decide(facts, parse_policy(campaign.policy.document), now), facts)


def are_in_line_for(models: Collection[int | None], *, campaign_id: int) -> bool:
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


def place_in_line(claim: Claim) -> int | None:
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
class Kin:
    """Another claim of the same keys: the rest of a claim, or what replaces some of it; or the other way.

    `place` is its place in line, None when it waits for nothing.
    """

    code: str
    kind: Literal["rest", "replacement", "first", "replaced"]
    keys: int
    place: int | None


def kin_of(claim: Claim) -> list[Kin]:
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
        Kin(
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


def open_regions(now: datetime) -> Sequence[Region]:
    """Where keys can be sent now, by country."""
    rows = Region.objects.in_force(now).filter(
        status=Region.Status.OPEN, key_model__isnull=True, subdivision=""
    )
    return list(rows.order_by("country"))
