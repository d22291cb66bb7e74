"""Appended rows up to a moment, as typed DataFrames: the only place where reports touch the database.

Nothing here reads a column that changes. What a claim's row or a unit's row says now is not used; what
was appended about them until `as_of` is. So a report of a past moment is the same whether it is made
then or later (I11). Rows carry the moment their service was called with and become visible when it
commits, so a report of this very moment can miss what is being written while it is made.

What the roster dates by the day only (roles, critical projects) is read as it stood when the UTC day of
`as_of` began: what happens later that day cannot change a report that was made in its morning.

Strings that repeat are categories; every time is datetime64[us, UTC].
"""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from reports.database import one_snapshot
from reports.frames.claims import campaigns, claim_events, claims, invitations
from reports.frames.parcels import cases, charges, labels, tracking
from reports.frames.payments import book_entries
from reports.frames.roster import appeals, critical_projects, decisions, exceptions, roles, two_factor
from reports.frames.stock import movements


@dataclass(frozen=True)
class Frames:
    """All that the redemption report is made of; each frame's columns are listed at its function."""

    movements: pd.DataFrame
    campaigns: pd.DataFrame
    claims: pd.DataFrame
    claim_events: pd.DataFrame
    labels: pd.DataFrame
    charges: pd.DataFrame
    tracking: pd.DataFrame
    cases: pd.DataFrame
    decisions: pd.DataFrame
    two_factor: pd.DataFrame
    critical_projects: pd.DataFrame
    roles: pd.DataFrame
    invitations: pd.DataFrame
    exceptions: pd.DataFrame
    appeals: pd.DataFrame
    book_entries: pd.DataFrame


def read_frames(as_of: datetime) -> Frames:
    """Every frame as of one moment, in one query each that see the same snapshot of the database."""
    with one_snapshot():
        return Frames(
            movements=movements(as_of),
            campaigns=campaigns(as_of),
            claims=claims(as_of),
            claim_events=claim_events(as_of),
            labels=labels(as_of),
            charges=charges(as_of),
            tracking=tracking(as_of),
            cases=cases(as_of),
            decisions=decisions(as_of),
            two_factor=two_factor(as_of),
            critical_projects=critical_projects(as_of),
            roles=roles(as_of),
            invitations=invitations(as_of),
            exceptions=exceptions(as_of),
            appeals=appeals(as_of),
            book_entries=book_entries(as_of),
        )


__all__ = [
    "Frames",
    "appeals",
    "book_entries",
    "campaigns",
    "cases",
    "charges",
    "claim_events",
    "claims",
    "critical_projects",
    "decisions",
    "exceptions",
    "invitations",
    "labels",
    "movements",
    "read_frames",
    "roles",
    "tracking",
    "two_factor",
]
