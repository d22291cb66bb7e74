"""Set up a campaign, and change its dates, allotment, key models and policy."""

import re
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime

from django.db import IntegrityError, transaction

from common.errors import BadRequest, FieldError, KeydeskError
from fulfillment.claims.models import Campaign
from inventory.models import KeyModel
from roster.models import Policy


@dataclass(frozen=True)
class CampaignSettings:
    """The settings that can be changed while a campaign runs; its slug is in URLs and reports.

    `key_models` are their SKUs in order.
    """

    name: str
    sponsor: str
    opens_at: datetime
    closes_at: datetime
    per_claim: int
    offer_days: int
    policy_id: int | None
    key_models: list[str]

    def differences(self, other: "CampaignSettings") -> list[str]:
        """The names of the settings that differ."""
        return [name for name in CHANGEABLE if getattr(self, name) != getattr(other, name)]

    def as_document(self, names: Collection[str]) -> dict[str, object]:
        """The named settings and their values."""
        return {name: getattr(self, name) for name in CHANGEABLE if name in names}


CHANGEABLE = tuple(field.name for field in fields(CampaignSettings))


class CampaignChanged(KeydeskError):
    """The campaign was changed by someone else since the form was opened; nothing was changed."""

    code = "campaign_changed"

    def __init__(self, names: list[str]) -> None:
        self.fields = names
        super().__init__(f"Someone else has changed {', '.join(names)}. Check the values, then try again.")


def change_campaign(
    *, slug: str, seen: CampaignSettings, wanted: CampaignSettings, now: datetime
) -> tuple[dict[str, object], dict[str, object]]:
    """Change the settings that differ; earlier claims keep their terms.

    Args:    seen: the settings as shown to the person who changes them; wanted: the new ones.
    Returns: the changed settings before and after.
    Raises:  CampaignChanged. BadRequest: an end before the start, no keys per claim, a policy that is not
             published.
    Locks:   the campaign's row.
    """
    if problems := _problems(wanted):
        raise BadRequest(problems)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(no_key=True).get(slug=slug)
        current = campaign_settings(campaign)
        if changed := current.differences(seen):
            raise CampaignChanged(changed)
        names = wanted.differences(seen)
        _set(campaign, wanted.as_document(names))
    return current.as_document(names), wanted.as_document(names)


def add_campaign(*, slug: str, wanted: CampaignSettings, now: datetime) -> Campaign:
    """Set up a campaign. It is public at once, and accepts claims from its opening date.

    Raises: BadRequest: as in `change_campaign`, or a slug that is not valid or already taken.
    """
    problems = _problems(wanted)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) or len(slug) > 50:
        problems.append(FieldError("slug", "not_plain", "Use lower-case letters, digits and hyphens."))
    if problems:
        raise BadRequest(problems)
    columns = wanted.as_document([name for name in CHANGEABLE if name != "key_models"])
    campaign = Campaign(slug=slug, created_at=now)
    for name, value in columns.items():
        setattr(campaign, name, value)
    try:
        with transaction.atomic():
            campaign.save(force_insert=True)
            campaign.key_models.set(KeyModel.objects.filter(sku__in=wanted.key_models))
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        raise BadRequest([FieldError("slug", "taken", "A campaign with this name already exists.")]) from None
    return campaign


def campaign_settings(campaign: Campaign) -> CampaignSettings:
    """The current settings of a campaign."""
    return CampaignSettings(
        name=campaign.name,
        sponsor=campaign.sponsor,
        opens_at=campaign.opens_at,
        closes_at=campaign.closes_at,
        per_claim=campaign.per_claim,
        offer_days=campaign.offer_days,
        policy_id=campaign.policy_id,
        key_models=sorted(campaign.key_models.values_list("sku", flat=True)),
    )


def _set(campaign: Campaign, values: dict[str, object]) -> None:
    columns = {name: value for name, value in values.items() if name != "key_models"}
    if isinstance(models := values.get("key_models"), list):
        campaign.key_models.set(KeyModel.objects.filter(sku__in=models))
    for name, value in columns.items():
        setattr(campaign, name, value)
    if columns:
        campaign.save(update_fields=list(columns))


def _problems(wanted: CampaignSettings) -> list[FieldError]:
    problems = []
    if wanted.closes_at <= wanted.opens_at:
        problems.append(
            FieldError("closes_at", "before_it_opens", "The closing date must be after the opening.")
        )
    published = Policy.objects.filter(status=Policy.Status.PUBLISHED)
    if wanted.policy_id is None or not published.filter(pk=wanted.policy_id).exists():
        problems.append(FieldError("policy", "not_published", "Choose a published policy."))
    problems += [
        FieldError(name, "too_small", "Enter 1 or more.")
        for name, value in (("per_claim", wanted.per_claim), ("offer_days", wanted.offer_days))
        if value < 1
    ]
    return problems
