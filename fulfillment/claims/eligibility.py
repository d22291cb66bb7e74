"""Decide whether a maintainer may claim in a campaign, with every rule's verdict."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import gettext_noop as _

from fulfillment.claims.models import Campaign, Claim, Invitation, Region
from fulfillment.claims.region_lookup import country_region
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.households import household_of, lock_household, subjects_sharing
from inventory.selectors import available_count
from roster import selectors as roster_selectors
from roster.models import Account
from roster.rules import CampaignFact, Decision, Facts, RegionFact, decide, parse_policy

# More than any claim can have.
ENOUGH_KEYS = 100


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
    """The facts about one maintainer in one campaign that policies decide by, in a fixed number of queries.

    Args: region: the country's row in force, where the caller has it already.
          address: the destination, once it is known.
          live_claims, snapshots: the number of live claims and the current roster, likewise.
    """
    if region is None and country:
        region = country_region(country=country, now=now)
    return replace(
        roster_selectors.facts_about(account=account, now=now, snapshots=snapshots),
        # Policies only ask whether there are any, so the count is capped.
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
    """The number of other people's live claims to the same household; None while the address is not known.

    Only counted where the policy has the rule, because it costs queries that no other rule needs.
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
        return RegionFact(status="blocked", reason=_("We cannot send keys there yet."), source="")
    return RegionFact(status=region.status, reason=region.reason, source=region.source)


@dataclass(frozen=True)
class ExplainedDecision:
    """A decision and the facts it was based on."""

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
) -> ExplainedDecision:
    """Decide whether this maintainer may claim now, with every rule's verdict. Stores nothing.

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
    return ExplainedDecision(decide(facts, parse_policy(campaign.policy.document), now), facts)
