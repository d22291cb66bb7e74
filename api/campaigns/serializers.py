"""A campaign as an API response."""

from datetime import datetime

from api.campaigns.schemas import CampaignKeysOut, CampaignOut
from fulfillment.claims.models import Campaign
from reports.public.figures import public_keys


def serialize_campaign(campaign: Campaign, *, now: datetime) -> CampaignOut:
    """The campaign with its published key counts."""
    keys = public_keys(campaign, now=now)
    return CampaignOut(
        slug=campaign.slug,
        name=campaign.name,
        sponsor=campaign.sponsor,
        opens_at=campaign.opens_at,
        closes_at=campaign.closes_at,
        per_claim=campaign.per_claim,
        keys=CampaignKeysOut(
            total=keys.total, available=keys.available, claimed=keys.claimed, redeemed=keys.redeemed
        ),
    )
