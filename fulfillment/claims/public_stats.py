"""Public key counts of a campaign."""

from dataclasses import dataclass

from django.db.models import Count, Q

from fulfillment.claims.models import Campaign, Claim
from inventory.models import Unit
from inventory.rules import Account


@dataclass(frozen=True)
class CampaignKeys:
    """Keys of a campaign: received, free to be claimed, held for its claims, redeemed (docs/glossary.md)."""

    total: int
    available: int
    claimed: int
    redeemed: int


def campaign_keys(campaign: Campaign) -> CampaignKeys:
    """Count a campaign's keys by where the units are now, in two queries.

    Stock is shared: campaigns that offer the same key models have the same keys available.
    """
    ours = Unit.objects.filter(key_model__in=campaign.key_models.all()).exclude(account=Account.SUPPLIER)
    stock = ours.aggregate(total=Count("pk"), available=Count("pk", filter=Q(account=Account.AVAILABLE)))
    held = Unit.objects.filter(held_for__in=Claim.objects.filter(campaign=campaign).values("code")).aggregate(
        claimed=Count("pk"),
        redeemed=Count("pk", filter=Q(account__in=[Account.IN_TRANSIT, Account.DELIVERED])),
    )
    return CampaignKeys(**stock, **held)
