"""Change a campaign's dates, allotment and policy."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from config.errors import BadRequest, FieldError, KeydeskError
from fulfillment.claims.models import Campaign
from roster.models import Policy

# What may be changed while it runs; its slug is in addresses and reports.
CHANGEABLE = ("name", "sponsor", "opens_at", "closes_at", "per_claim", "offer_days", "policy_id")


class CampaignChanged(KeydeskError):
    """Somebody else changed it since it was looked at; nothing was changed."""

    code = "campaign_changed"

    def __init__(self, fields: list[str]) -> None:
        self.fields = fields
        super().__init__(f"Somebody changed {', '.join(fields)} meanwhile. Look again, then decide.")


def change_campaign(
    *, slug: str, seen: Mapping[str, Any], wanted: Mapping[str, Any], now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change what differs; claims made before keep what they were promised.

    Args:    seen: the changeable fields as whoever decides saw them; wanted: as they should be.
    Returns: what was changed, as it was before and as it is after.
    Raises:  CampaignChanged. BadRequest: an end before the beginning, nothing per claim, a policy that is not
             published.
    Locks:   the campaign's row.
    """
    problems = []
    if wanted["closes_at"] <= wanted["opens_at"]:
        problems.append(FieldError("closes_at", "before_it_opens", "Choose a time after it opens."))
    if not Policy.objects.filter(pk=wanted["policy_id"], status=Policy.Status.PUBLISHED).exists():
        problems.append(FieldError("policy", "not_published", "Choose a policy that is published."))
    problems += [
        FieldError(name, "too_small", "At least 1.")
        for name in ("per_claim", "offer_days")
        if wanted[name] < 1
    ]
    if problems:
        raise BadRequest(problems)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(no_key=True).get(slug=slug)
        if changed := [name for name in CHANGEABLE if getattr(campaign, name) != seen[name]]:
            raise CampaignChanged(changed)
        names = [name for name in CHANGEABLE if wanted[name] != seen[name]]
        before = {name: getattr(campaign, name) for name in names}
        for name in names:
            setattr(campaign, name, wanted[name])
        if names:
            campaign.save(update_fields=names)
    return before, {name: wanted[name] for name in names}
