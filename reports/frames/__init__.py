"""Appended rows up to a moment, as typed DataFrames: the only place where reports query the database.

No query reads a column that is updated. The current state of a claim or unit is not used, only the rows
appended about it until `as_of`. So a report of a past moment is the same whenever it is made (I11). Rows
carry the time at which their service was called and become visible when it commits, so a report of the
current moment can miss rows that are being written.

Roster facts that are dated by day only (roles, critical projects) are read as of the start of the UTC day
of `as_of`, so that later changes on that day cannot alter a report.

Repeated strings are categories; times are datetime64[us, UTC].
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
    """The frames of the redemption report; the columns of each are listed at its function."""

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
    """Read every frame as of one moment, with one query each, on one database snapshot."""
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
