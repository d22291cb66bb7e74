"""Set up a campaign, and change its dates, allotment, key models and policy."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from common.errors import BadRequest, FieldError, KeydeskError
from fulfillment.claims.models import Campaign
from inventory.models import KeyModel
from roster.models import Policy

# What may be changed while it runs; its slug is in addresses and reports.
CHANGEABLE = (
    "name",
    "sponsor",
    "opens_at",
    "closes_at",
    "per_claim",
    "offer_days",
    "policy_id",
    "key_models",
)


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
    if problems := _problems(wanted):
        raise BadRequest(problems)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(no_key=True).get(slug=slug)
        standing = campaign_settings(campaign)
        if changed := [name for name in CHANGEABLE if standing[name] != seen[name]]:
            raise CampaignChanged(changed)
        names = [name for name in CHANGEABLE if wanted[name] != seen[name]]
        _set(campaign, {name: wanted[name] for name in names})
    return {name: standing[name] for name in names}, {name: wanted[name] for name in names}


def add_campaign(*, slug: str, wanted: Mapping[str, Any], now: datetime) -> Campaign:
    """Set up a campaign. It is public at once, and takes claims from when it opens.

    Raises: BadRequest: as in changing one, or a slug that is none or taken.
    """
    problems = _problems(wanted)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) or len(slug) > 50:
        problems.append(FieldError("slug", "not_plain", "Use small letters, digits and dashes."))
    if problems:
        raise BadRequest(problems)
    fields = {name: wanted[name] for name in CHANGEABLE if name != "key_models"}
    try:
        with transaction.atomic():
            campaign = Campaign.objects.create(slug=slug, created_at=now, **fields)
            campaign.key_models.set(KeyModel.objects.filter(sku__in=wanted["key_models"]))
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        raise BadRequest([FieldError("slug", "taken", "There is a campaign of this name.")]) from None
    return campaign


def campaign_settings(campaign: Campaign) -> dict[str, Any]:
    """The changeable fields of a campaign; its key models by their SKUs."""
    fields = {name: getattr(campaign, name) for name in CHANGEABLE if name != "key_models"}
    return fields | {"key_models": sorted(campaign.key_models.values_list("sku", flat=True))}


def _set(campaign: Campaign, values: dict[str, Any]) -> None:
    if (models := values.pop("key_models", None)) is not None:
        campaign.key_models.set(KeyModel.objects.filter(sku__in=models))
    for name, value in values.items():
        setattr(campaign, name, value)
    if values:
        campaign.save(update_fields=list(values))


def _problems(wanted: Mapping[str, Any]) -> list[FieldError]:
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
    return problems
