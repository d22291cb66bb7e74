"""Metrics of claims and claimants: states, funnel and waitlist."""

from typing import Any

import pandas as pd

from fulfillment.claims.rules import ClaimState
from reports.documents import ClaimCounts, Funnel, FunnelStep, WaitlistCounts
from reports.metrics.arithmetic import look_up, quantiles, rounded, seconds_between

FUNNEL = ("on_roster", "eligible", "invited", "claimed", "shipped", "delivered", "enrolled")


def claims_by_state(claims: pd.DataFrame, events: pd.DataFrame) -> ClaimCounts:
    """Claims, claimants, and claims by state."""
    last = events[events["claim"].isin(claims["claim"])].drop_duplicates("claim", keep="last")
    counted = last["state_after"].value_counts()
    return {
        "total": len(claims),
        "people": int(claims["person"].nunique()),
        "by_state": {str(state): int(counted.get(str(state), 0)) for state in ClaimState},
    }


def journeys(claims: pd.DataFrame, events: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """When each claim first reached each step.

    One row: one claim, in the order of `claims`, whose columns come first.

    accepted_at, shipped_at, delivered_at   datetime  first such event; missing if none
    back_at      datetime  first returned; missing if never
    enrolled_at  datetime  the maintainer's first WebAuthn key was seen, after the delivery
    """
    named = events[events["name"].isin(["accepted", "shipped", "delivered", "returned"])]
    accepted = events[events["state_after"] == "accepted"]
    table = claims.copy()
    for column, rows in (
        ("accepted_at", accepted),
        ("shipped_at", named[named["name"] == "shipped"]),
        ("delivered_at", named[named["name"] == "delivered"]),
        ("back_at", named[named["name"] == "returned"]),
    ):
        table[column] = look_up(table["claim"], rows.drop_duplicates("claim").set_index("claim")["at"])
    first_key = observations[observations["has_webauthn"]].drop_duplicates("person")
    seen = look_up(table["person"], first_key.set_index("person")["observed_at"])
    table["enrolled_at"] = seen.where(seen > table["delivered_at"])
    return table


def funnel(
    steps: pd.DataFrame, *, on_roster: "pd.Series[Any]", eligible: "pd.Series[Any]", invited: int | None
) -> Funnel:
    """Funnel: people at each step, the conversion from the step before, and the durations between steps.

    Args:    steps: from `journeys`. on_roster, eligible: keys of accounts; claimants are counted as eligible.
             invited: None when the campaign has no waves.
    Returns: `share_permille` is relative to the previous step that has a number; None for the first.
    """
    claimants = set(steps["person"])
    people = {
        "on_roster": len(set(on_roster) | claimants),
        "eligible": len(set(eligible) | claimants),
        "invited": invited,
        "claimed": len(claimants),
        **{
            step: int(steps.loc[steps[f"{step}_at"].notna(), "person"].nunique())
            for step in ("shipped", "delivered", "enrolled")
        },
    }
    rows: list[FunnelStep] = []
    before: int | None = None
    for step in FUNNEL:
        count = people[step]
        share = None if before is None or count is None else rounded(1000 * count, before)
        rows.append({"step": step, "people": count, "share_permille": share})
        before = before if count is None else count
    return {
        "steps": rows,
        "times": {
            "claimed_to_shipped": quantiles(seconds_between(steps["created_at"], steps["shipped_at"])),
            "shipped_to_delivered": quantiles(seconds_between(steps["shipped_at"], steps["delivered_at"])),
            "delivered_to_enrolled": quantiles(seconds_between(steps["delivered_at"], steps["enrolled_at"])),
        },
    }


def waitlist(claims: pd.DataFrame, events: pd.DataFrame) -> WaitlistCounts:
    """Claims that joined the waitlist, are on it, got keys or left; and how long the last two
    waited."""
    ours = events[events["claim"].isin(claims["claim"])]
    joined = ours[ours["state_after"] == ClaimState.WAITLISTED].drop_duplicates("claim")
    last = ours.drop_duplicates("claim", keep="last")
    waiting = last[last["state_after"] == ClaimState.WAITLISTED]
    ended = ours[
        (ours["state_before"] == ClaimState.WAITLISTED) & (ours["state_after"] != ClaimState.WAITLISTED)
    ]
    ended = ended.drop_duplicates("claim")
    left = ended["state_after"].isin([ClaimState.CANCELLED, ClaimState.EXPIRED])
    waited = joined.merge(ended, on="claim", suffixes=("_joined", "_ended"))
    return {
        "joined": len(joined),
        "waiting": len(waiting),
        "promoted": int((~left).sum()),
        "left": int(left.sum()),
        "wait": quantiles(seconds_between(waited["at_joined"], waited["at_ended"])),
    }
