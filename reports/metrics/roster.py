"""Metrics of the roster: refusals, two-factor states, and coverage of critical projects."""

from typing import Any

import numpy as np
import pandas as pd

from reports.documents import (
    ExceptionRow,
    Flow,
    ProjectCounts,
    Protection,
    RefusalCounts,
    Shares,
    TwoFactorCounts,
)

STATES = ("none", "totp", "webauthn")


def refusals(decisions: pd.DataFrame) -> RefusalCounts:
    """Refused attempts and people, by the first rule that failed; most frequent first."""
    refused = decisions[decisions["outcome"] == "ineligible"]
    counted = refused["headline"].value_counts()
    in_order = sorted(counted.items(), key=lambda rule: (-int(rule[1]), str(rule[0])))
    return {
        "total": len(refused),
        "people": int(refused["person"].nunique()),
        "by_rule": {str(rule): int(count) for rule, count in in_order},
    }


def state_of(rows: pd.DataFrame) -> "pd.Series[Any]":
    """The strongest second factor of each row."""
    weaker = np.where(rows["has_totp"], "totp", "none")
    return pd.Series(np.where(rows["has_webauthn"], "webauthn", weaker), index=rows.index, dtype=object)


def first_refusals(decisions: pd.DataFrame) -> dict[str, int]:
    """People ever refused, by the first rule of their first refusal; by rule name."""
    first = decisions[decisions["outcome"] == "ineligible"].drop_duplicates("person")
    return {str(rule): int(count) for rule, count in sorted(first["headline"].value_counts().items())}


def state_counts(states: pd.DataFrame) -> dict[str, int]:
    """Accounts by current two-factor state."""
    now = states["now"].value_counts()
    return {state: int(now.get(state, 0)) for state in STATES}


def before_and_now(observations: pd.DataFrame, start: pd.Timestamp | None) -> pd.DataFrame:
    """Two-factor state of each account when the programme started, and now.

    `before` is the last observation at the start, or the first one of accounts added later.

    One row: one account.

    person  int64
    before  str    none, totp or webauthn
    now     str    as above
    """
    seen = observations.assign(state=state_of(observations))
    now = seen.drop_duplicates("person", keep="last").set_index("person")["state"]
    before = seen.drop_duplicates("person").set_index("person")["state"]
    if start is not None:
        early = seen[seen["observed_at"] <= start].drop_duplicates("person", keep="last")
        before = early.set_index("person")["state"].combine_first(before)
    return pd.DataFrame({"before": before, "now": now}).rename_axis("person").reset_index()


def two_factor_numbers(states: pd.DataFrame, journeys: pd.DataFrame) -> TwoFactorCounts:
    """Accounts by strongest second factor, the changes between states, and who enrolled.

    Enrolled: a WebAuthn key was first observed after the claim was delivered.
    """
    claimants = states[states["person"].isin(journeys["person"])]
    return {
        "accounts": state_counts(states),
        "enrolled": int(journeys.loc[journeys["enrolled_at"].notna(), "person"].nunique()),
        "flows": _flows(states),
        "flows_of_claimants": _flows(claimants),
    }


def _flows(states: pd.DataFrame) -> list[Flow]:
    counted = states.groupby(["before", "now"]).size()
    return [
        {"before": before, "now": now, "accounts": int(counted.get((before, now), 0))}
        for before in STATES
        for now in STATES
    ]


def projects(critical: pd.DataFrame, roles: pd.DataFrame, states: pd.DataFrame) -> ProjectCounts:
    """Critical projects by share of maintainers with a second factor, and with a WebAuthn key.

    `none`, `some` or `all` of the people with a role on the project today, by their state before and now; an
    account never observed has no second factor. Projects without known maintainers are counted separately.
    """
    ours = roles[roles["project"].isin(critical["project"])].merge(states, on="person", how="left")
    return {
        "critical": len(critical),
        "without_maintainers": len(critical) - int(ours["project"].nunique()),
        "before": _protection(ours["project"], ours["before"]),
        "now": _protection(ours["project"], ours["now"]),
    }


def _protection(project: "pd.Series[Any]", state: "pd.Series[Any]") -> Protection:
    return {
        "two_factor": _shares(project, state.isin(["totp", "webauthn"])),
        "webauthn": _shares(project, state == "webauthn"),
    }


def _shares(project: "pd.Series[Any]", has: "pd.Series[bool]") -> Shares:
    mean = has.groupby(project).mean()
    return {
        "none": int((mean == 0).sum()),
        "some": int(((mean > 0) & (mean < 1)).sum()),
        "all": int((mean == 1).sum()),
    }


def exception_numbers(asked: pd.DataFrame, appeals: pd.DataFrame, as_of: pd.Timestamp) -> list[ExceptionRow]:
    """Exceptions (requested, granted, ended, in force) and appeals (granted, declined) by rule."""
    rows: list[ExceptionRow] = []
    for rule in sorted({*asked["rule"].astype(str), *appeals["rule"].astype(str)}):
        ours, theirs = asked[asked["rule"] == rule], appeals[appeals["rule"] == rule]
        granted = ours["granted_at"].notna()
        in_force = granted & ours["ended_at"].isna() & (ours["expires_at"] > as_of)
        rows.append(
            {
                "rule": rule,
                "asked": len(ours),
                "granted": int(granted.sum()),
                "ended": int(ours["ended_at"].notna().sum()),
                "in_force": int(in_force.sum()),
                "appeals": len(theirs),
                "appeals_granted": int(theirs["is_granted"].sum()),
                "appeals_declined": int((theirs["answered_at"].notna() & ~theirs["is_granted"]).sum()),
            }
        )
    return rows
