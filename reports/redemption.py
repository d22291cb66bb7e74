"""The redemption report: how many keys were redeemed, when, where to, and at what cost."""

from datetime import datetime
from typing import Any

from reports import metrics
from reports.frames import read_frames
from reports.moments import in_words


def redemption_report(
    *, campaign_slug: str | None, as_of: datetime, suppress_below: int = 0
) -> dict[str, Any]:
    """The report as a JSON document: whole numbers and words, in an order that never varies.

    Stock, refusals and two-factor states are of the whole house, for stock lies there for every campaign
    and neither decisions nor observations name one. The rest is of the campaign, or of all.

    Args:    as_of: what was appended after it is left out. It may be any moment; who asks checks that it
             is a sensible one (`reports.moments`).
             suppress_below: hide the numbers of countries with fewer maintainers than that; for readers
             who may not single people out. The hidden row is still the headline minus the other rows.
    Returns: the same document for the same rows, whenever it is made.
    """
    frames = read_frames(as_of)
    claims = metrics.of_campaign(frames.claims, campaign_slug)
    changes = metrics.of_campaign(metrics.key_changes(frames.movements, frames.claims), campaign_slug)
    labels = frames.labels[frames.labels["claim"].isin(claims["claim"])]
    keys = metrics.headline(changes, frames.movements)
    return {
        "campaign": campaign_slug,
        "as_of": in_words(as_of),
        "keys": keys,
        "claims": metrics.claims_by_state(claims, frames.claim_events),
        "by_week": metrics.by_week(changes),
        "by_country": metrics.by_country(changes, suppress_below=suppress_below),
        "by_key_model": metrics.by_key_model(changes, frames.movements),
        "refusals": metrics.refusals(frames.decisions),
        "two_factor": metrics.two_factor(frames.two_factor, claims, frames.claim_events),
        "costs": {"postage": metrics.postage(labels, keys["delivered"])},
        "stock": metrics.stock(frames.movements),
    }
