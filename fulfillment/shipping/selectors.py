"""Reads that the shipping room makes of others' tables."""

from datetime import datetime

from fulfillment.claims.models import Region
from fulfillment.claims.selectors import region_for

_CLOSED = (Region.Status.BLOCKED, Region.Status.PAUSED)


def serving_region(*, country: str, now: datetime, subdivision: str = "") -> Region | None:
    """The terms parcels go there on; None when none may go now, whatever was true when it was claimed."""
    region = region_for(country=country, subdivision=subdivision, now=now)
    return None if region is None or region.status in _CLOSED else region
