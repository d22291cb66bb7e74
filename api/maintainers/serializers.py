"""A decision as the API gives it, for a maintainer in a named or the current campaign."""

from datetime import datetime
from typing import Any

from fulfillment.claims.eligibility import explain
from fulfillment.claims.errors import UnknownCampaign
from fulfillment.claims.selectors import campaign_by_slug, current_campaign
from roster.models import Account


def decision_document(
    account: Account, *, campaign: str | None, country: str | None, now: datetime
) -> dict[str, Any]:
    """Raises: UnknownCampaign: none of that name, or none at all."""
    found = campaign_by_slug(campaign) if campaign else current_campaign(now)
    if found is None:
        raise UnknownCampaign("")
    return explain(account=account, campaign=found, country=country, now=now).decision.as_document()
