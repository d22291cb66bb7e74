"""Facts about all accounts on the roster in one campaign, a few thousand at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet

from fulfillment.claims.models import Campaign, Claim, Invitation, Region
from fulfillment.claims.rules import LIVE_STATES
from roster import selectors as roster_selectors
from roster.models import Account
from roster.rules import CampaignFact, Facts, RegionFact

CHUNK = 2_000


def facts_of_roster(
    *, campaign: Campaign | None, now: datetime, among: QuerySet[Account] | None = None
) -> Iterator[Facts]:
    """The facts about every account as for a claim made now, in the order of their ids.

    Facts that only a claim has are assumed in its favour: keys in stock, an address not shared. The
    country is that of the person's claim or account; None where neither has one.

    Args: campaign: None leaves out the facts that only a campaign has.
          among: accounts; all of them by default.
    """
    snapshots = roster_selectors.current_snapshots()
    regions = regions_in_force(now)
    for accounts in _chunks(Account.objects.all() if among is None else among):
        ids = [account.pk for account in accounts]
        claimed = _countries_of_claims(campaign, ids)
        invited = Invitation.objects.accounts_invited(campaign, ids, now) if campaign else set()
        facts = roster_selectors.facts_of(accounts=accounts, now=now, snapshots=snapshots)
        for account, known in zip(accounts, facts, strict=True):
            country = claimed.get(account.pk) or account.country or None
            yield replace(
                known,
                keys_available=1,
                address_claims=0,
                live_claims=int(account.pk in claimed),
                invited_in_wave=account.pk in invited if campaign else None,
                country=country,
                region=_region(country, regions),
                campaign=CampaignFact(opens_at=campaign.opens_at, closes_at=campaign.closes_at)
                if campaign
                else None,
            )


def regions_in_force(now: datetime) -> dict[str, RegionFact]:
    """The rows of whole countries in the region table, in one query."""
    rows = Region.objects.in_force(now).filter(key_model__isnull=True, subdivision="").order_by("valid_from")
    return {row.country: RegionFact(status=row.status, reason=row.reason, source=row.source) for row in rows}


def _region(country: str | None, regions: dict[str, RegionFact]) -> RegionFact | None:
    if country is None:
        return None
    nowhere = RegionFact(status="blocked", reason="We cannot send keys there yet.", source="")
    return regions.get(country, nowhere)


def _countries_of_claims(campaign: Campaign | None, accounts: Sequence[int]) -> dict[int, str]:
    """The accounts with a live claim in the campaign, and the country of each."""
    if campaign is None:
        return {}
    live = Claim.objects.filter(campaign=campaign, state__in=sorted(LIVE_STATES), account__in=accounts)
    return dict(live.values_list("account_id", "country"))


def _chunks(accounts: QuerySet[Account]) -> Iterable[list[Account]]:
    """Page by primary key, so that no database snapshot is held open for minutes."""
    last = 0
    while chunk := list(accounts.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk
