"""Deadlines for label refunds, and how often to ask."""

from collections.abc import Mapping
from datetime import datetime, timedelta

# From the purchase: USPS 30 days, others 90 (EasyPost support, "Refund policy").
WINDOWS: Mapping[str, timedelta] = {"USPS": timedelta(days=30)}
OTHER_WINDOW = timedelta(days=90)
# Unused labels are refunded this long before their window closes.
IN_GOOD_TIME = timedelta(days=3)
MAX_REQUESTS = 3
ASK_AGAIN_AFTER = timedelta(hours=24)
# `not_applicable`: the carrier bills at the first scan, so an unused label costs nothing.
GRANTED = frozenset({"refunded", "not_applicable"})


def window(carrier: str) -> timedelta:
    """How long after the purchase this carrier refunds labels."""
    return WINDOWS.get(carrier, OTHER_WINDOW)


def refund_due_at(*, carrier: str, bought_at: datetime) -> datetime:
    """When an unused label is to be refunded, at the latest."""
    return bought_at + window(carrier) - IN_GOOD_TIME


def may_ask_again(
    *, carrier: str, bought_at: datetime, requests: int, is_unscanned: bool, now: datetime
) -> bool:
    """Whether to repeat a rejected request: some are rejected because they came too early.

    The last day of the window is excluded because the carrier counts by its own clock.
    """
    ends_at = bought_at + window(carrier) - timedelta(days=1)
    return is_unscanned and requests < MAX_REQUESTS and now + ASK_AGAIN_AFTER < ends_at
