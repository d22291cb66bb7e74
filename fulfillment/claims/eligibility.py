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

# More than any claim holds.
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
    """All a policy may ask about one maintainer in one campaign, in a fixed number of queries.

    Args: region: the country's row in force, where the caller has it already.
          address: where the keys would go, once that is known.
          live_claims, snapshots: how many there are and what the roster stands on, likewise.
    """
    if region is None and country:
        region = country_region(country=country, now=now)
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
class ExplainedDecision:
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
) -> ExplainedDecision:
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
    return ExplainedDecision(decide(facts, parse_policy(campaign.policy.document), now), facts)
