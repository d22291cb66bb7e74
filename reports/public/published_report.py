"""The published report, which everybody may read, as of the last release.

`reports.redemption` is exact and for staff who may see people. This one is for everybody else: the public
page and API, other staff, tokens, emails and frozen snapshots. Both are made from the same rows; every
count of people in this one passes `reports.public.disclosure`.
"""

from datetime import datetime

import pandas as pd

from inventory.rules import Account
from reports.as_of import day_of_release, moment_in_words, week_of_release
from reports.database import one_snapshot
from reports.documents import (
    Dimension,
    ProjectCounts,
    Protection,
    PublishedCounts,
    PublishedPostage,
    PublishedProjects,
    PublishedProtection,
    PublishedReport,
    PublishedShares,
    Shares,
)
from reports.frames import Frames, claims, movements, read_frames
from reports.metrics import roster
from reports.metrics.arithmetic import rounded
from reports.metrics.redeemed_keys import of_campaign
from reports.public.disclosure import (
    DIMENSIONS,
    Gate,
    people_steps,
    publish_counts,
    publish_cut,
    publish_headline,
    publish_weeks,
    published_count,
    weeks,
)

METHOD = (
    "People are counted when they first reach a step, and published in whole groups of {k}: each number is "
    "at most {most} people behind. Headline numbers are as of the start of the day, all others as of the "
    "start of the week (UTC). Keys and costs are for the people counted. Groups of fewer than {k} people are "
    "not shown; people in them are counted under other."
)


_MOMENTS = pd.Series([], dtype="datetime64[us, UTC]")
_NO_LABELS = pd.DataFrame(
    {"claim": pd.Series([], dtype="int64"), "cost_cents": pd.Series([], dtype="int64"), "at": _MOMENTS}
)
_NO_OBSERVATIONS = pd.DataFrame(
    {
        "person": pd.Series([], dtype="int64"),
        "has_webauthn": pd.Series([], dtype="bool"),
        "observed_at": _MOMENTS,
    }
)


def released_report(*, campaign_slug: str, as_of: datetime, smallest_group: int) -> PublishedReport:
    """The report published at a moment; the same document until the next release.

    Args: as_of: aware, UTC. smallest_group: the fewest people a number may describe; 2 or more.
    """
    assert smallest_group >= 2, "a group of one is a person"
    day, week = day_of_release(as_of), week_of_release(as_of)
    return released_document(
        read_frames(day), read_frames(week), campaign_slug=campaign_slug, day=day, week=week, k=smallest_group
    )


def released_document(
    by_day: Frames, by_week: Frames, *, campaign_slug: str, day: datetime, week: datetime, k: int
) -> PublishedReport:
    """Build the published report from the frames of the two releases; no database."""
    headline, gate = _gate(by_day, campaign_slug, k), _gate(by_week, campaign_slug, k)
    row = publish_headline(headline, day)
    received = int((by_day.movements["from_account"] == Account.SUPPLIER).sum())
    opened = of_campaign(by_week.campaigns, campaign_slug)["opens_at"]
    states = roster.before_and_now(by_week.two_factor, None if opened.empty else opened.min())
    return {
        "campaign": campaign_slug,
        "as_of": moment_in_words(day),
        "cuts_as_of": moment_in_words(week),
        "smallest_group": k,
        "method": METHOD.format(k=k, most=k - 1),
        "keys": {
            "total": received,
            "claimed": row["keys_claimed"],
            "redeemed": row["keys_redeemed"],
            "available": max(received - (row["keys_claimed"] or 0), 0),
        },
        "people": {
            "claimed": row["claimed"],
            "shipped": row["shipped"],
            "delivered": row["delivered"],
            "back": row["back"],
            "enrolled": row["enrolled"],
            "redeemed": row["redeemed"],
        },
        "by_week": publish_weeks(gate, _releases(gate, week)),
        "by_country": [{"country": name, **counts} for name, counts in _cut(gate, "country", week)],
        "by_key_models": [{"key_models": name, **counts} for name, counts in _cut(gate, "key_models", week)],
        "by_policy": [{"policy": name, **counts} for name, counts in _cut(gate, "policy", week)],
        "by_wave": [{"wave": name, **counts} for name, counts in _cut(gate, "wave", week)],
        "two_factor": protected_accounts(states, k),
        "projects": protected_projects(roster.projects(by_week.critical_projects, by_week.roles, states), k),
        "refusals": publish_counts(
            roster.first_refusals(of_campaign(by_week.decisions, campaign_slug)).items(), k
        ),
        "costs": {"postage": _postage(gate, by_week, campaign_slug, week)},
    }


def published_keys(*, campaign_slug: str, as_of: datetime, smallest_group: int) -> dict[str, int | None]:
    """Keys claimed and redeemed, as in the headline, from two queries; None for too few to show."""
    day = day_of_release(as_of)
    with one_snapshot():
        made, moved = claims(day), movements(day)
    # Costs and enrolments are not needed, so labels and observations are not read.
    people = people_steps(of_campaign(made, campaign_slug), moved, _NO_LABELS, _NO_OBSERVATIONS)
    gate = Gate(people, smallest_group)
    row = publish_headline(gate, day)
    return {"claimed": row["keys_claimed"], "redeemed": row["keys_redeemed"]}


def _gate(frames: Frames, slug: str, k: int) -> Gate:
    ours = of_campaign(frames.claims, slug)
    return Gate(people_steps(ours, frames.movements, frames.labels, frames.two_factor), k)


def _releases(gate: Gate, week: datetime) -> list[datetime]:
    """Weekly releases since the one before the first claim."""
    first = gate.people["claimed_at"].min()
    return [] if pd.isna(first) else weeks(first.to_pydatetime(), week)


def _cut(gate: Gate, dimension: Dimension, week: datetime) -> list[tuple[str, PublishedCounts]]:
    values = gate.people[dimension].astype(str)
    return publish_cut(gate, dimension, week) if (values != "").any() else []


def protected_accounts(states: pd.DataFrame, k: int) -> dict[str, int | None]:
    """Accounts with any second factor, and of these those with a WebAuthn key (rule 5 of the gate).

    Args: states: from `roster.before_and_now`.
    """
    counts = roster.state_counts(states)
    nested = (("any", counts["totp"] + counts["webauthn"]), ("webauthn", counts["webauthn"]))
    return publish_counts(nested, k)


def protected_projects(exact: ProjectCounts, k: int) -> PublishedProjects:
    """Critical projects of which any maintainer is protected, and of these those of which all are.

    A project may have a single maintainer, so projects are counted like people.

    Args: exact: from `roster.projects`.
    """
    return {
        "critical": exact["critical"],
        "before": _protection(exact["before"], k),
        "now": _protection(exact["now"], k),
    }


def _protection(exact: Protection, k: int) -> PublishedProtection:
    return {
        "two_factor": _shares(exact["two_factor"], k),
        "webauthn": _shares(exact["webauthn"], k),
    }


def _shares(exact: Shares, k: int) -> PublishedShares:
    return {
        "any": published_count(exact["some"] + exact["all"], k),
        "all": published_count(exact["all"], k),
    }


def _postage(gate: Gate, frames: Frames, slug: str, week: datetime) -> list[PublishedPostage]:
    """Postage of the people counted as shipped; empty when labels were bought in several currencies."""
    ours = of_campaign(frames.claims, slug)
    currencies = frames.labels.loc[frames.labels["claim"].isin(ours["claim"]), "currency"].unique()
    cell = gate.total("shipped", week)
    if len(currencies) != 1 or not cell.people:
        return []
    cents = cell.sums["cents"]
    return [
        {
            "currency": str(currencies[0]),
            "people": cell.people,
            "cents": cents,
            "cents_per_person": rounded(cents, cell.people),
        }
    ]


def published_history(*, campaign_slug: str, as_of: datetime, smallest_group: int) -> dict[str, pd.DataFrame]:
    """All numbers published of a campaign so far: the headline and each cut at every weekly release.

    Returns: by name; one row of each frame is one group at one release:
             release  str  the Monday; then the group, people at each step, keys (missing: not shown)
    """
    week = week_of_release(as_of)
    gate = _gate(read_frames(week), campaign_slug, smallest_group)
    releases = _releases(gate, week)
    history = {"all": pd.DataFrame(publish_weeks(gate, releases))}
    for dimension in DIMENSIONS:
        rows = [
            {"release": moment.date().isoformat(), dimension: name, **counts}
            for moment in releases
            for name, counts in _cut(gate, dimension, moment)
        ]
        if rows:
            history[dimension] = pd.DataFrame(rows)
    return {name: _whole_numbers(frame) for name, frame in history.items()}


def _whole_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert numbers to a nullable integer type."""
    texts = {"release", *DIMENSIONS}
    return frame.astype({column: "Int64" for column in frame.columns if column not in texts})
