"""Responses about campaigns."""

from datetime import datetime

from api.schemas import Out


class CampaignKeysOut(Out):
    total: int
    available: int
    claimed: int
    redeemed: int


class CampaignOut(Out):
    slug: str
    name: str
    sponsor: str
    opens_at: datetime
    closes_at: datetime
    per_claim: int
    keys: CampaignKeysOut
