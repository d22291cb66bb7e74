"""Eligibility decisions as API responses."""

from datetime import datetime

from api.schemas import DecisionOut
from fulfillment.claims.eligibility import explain
from fulfillment.claims.errors import UnknownCampaign
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from roster.models import Account


def serialize_decision(
    account: Account, *, campaign: str | None, country: str | None, now: datetime
) -> DecisionOut:
    """Decide for a maintainer in the named campaign, or the current one.

    Raises: UnknownCampaign: no campaign of that name, or none at all.
    """
    found = campaign_by_slug(campaign) if campaign else current_campaign(now)
    if found is None:
        raise UnknownCampaign("")
    decision = explain(account=account, campaign=found, country=country, now=now).decision
    return DecisionOut.model_validate(decision.as_document())
