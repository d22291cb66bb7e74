"""Shred addresses on their date, and household keys after their campaign."""

from datetime import datetime, timedelta

from fulfillment.claims.models import Campaign
from fulfillment.claims.rules.retention import KEEP_ADDRESS_FOR, KEEP_HOUSEHOLDS_FOR
from fulfillment.vault import services as vault
from fulfillment.vault.households import shred_households


def shred_due_addresses(*, now: datetime, older_than: timedelta | None = None) -> int:
    """Shred addresses past their date; return how many claims there were.

    Args: older_than: also addresses whose parcel arrived that long ago, even before their date.
    """
    return vault.shred_due(now=now, due_by=_due_by(now, older_than))


def addresses_due(*, now: datetime, older_than: timedelta | None = None) -> list[str]:
    """The claims that `shred_due_addresses` would shred."""
    return vault.subjects_due(_due_by(now, older_than))


def shred_due_households(*, now: datetime) -> list[str]:
    """Destroy the household keys of campaigns that closed long ago; return their slugs."""
    over = Campaign.objects.filter(closes_at__lte=now - KEEP_HOUSEHOLDS_FOR).order_by("pk")
    slugs = over.values_list("slug", flat=True)
    return [slug for slug in slugs if shred_households(scope=slug, now=now)]


def _due_by(now: datetime, older_than: timedelta | None) -> datetime:
    # A date is the arrival plus KEEP_ADDRESS_FOR, so arrivals are that much before the dates.
    return now if older_than is None else now + max(KEEP_ADDRESS_FOR - older_than, timedelta(0))
