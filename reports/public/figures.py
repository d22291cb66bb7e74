"""Public numbers for pages, badge and API, as of the last release."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from fulfillment.claims.models import Campaign
from fulfillment.claims.public_stats import campaign_keys
from reports.cache import kept_keys, kept_release
from reports.documents import PublishedReport


@dataclass(frozen=True)
class PublicKeys:
    """Keys of a campaign as of the start of the day, in whole batches (docs/decisions/0090).

    `claimed` and `redeemed` are up to a batch behind, `available` as much ahead, so that none changes with a
    single claim. `total` is all keys is the number received.
    """

    total: int
    available: int
    claimed: int
    redeemed: int


def public_keys(campaign: Campaign, *, now: datetime) -> PublicKeys:
    """The public key counts of a campaign. Built once a day."""
    published = kept_keys(
        campaign_slug=campaign.slug, as_of=now, smallest_group=settings.ENVIRONMENT.smallest_group
    )
    total = campaign_keys(campaign).total
    claimed, redeemed = published["claimed"] or 0, published["redeemed"] or 0
    return PublicKeys(total=total, available=max(total - claimed, 0), claimed=claimed, redeemed=redeemed)


def public_report(campaign_slug: str, *, now: datetime) -> PublishedReport:
    """The current published report."""
    return kept_release(
        campaign_slug=campaign_slug, as_of=now, smallest_group=settings.ENVIRONMENT.smallest_group
    )
