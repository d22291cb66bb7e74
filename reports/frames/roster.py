"""Decisions, two-factor observations, critical projects and roles, as frames."""

from datetime import datetime

import pandas as pd

from reports.database import FLAG, TEXT, TIME, WHOLE, WORD, copy


def decisions(as_of: datetime) -> pd.DataFrame:
    """Stored decisions: those that led to a claim or refused one.

    One row: one decision on one attempt; three attempts are three rows.

    person      int64     key of the roster account it was about
    campaign    category  slug; empty in old rows
    policy      category  version of the policy
    outcome     category  eligible, ineligible or review
    headline    str       the first rule that failed; empty when all passed
    decided_at  datetime
    """
    return copy(
        """
        SELECT decision.account_id, decision.campaign, policy.version, decision.outcome,
               decision.headline, decision.decided_at
        FROM roster_decision AS decision
        JOIN roster_policy AS policy ON policy.id = decision.policy_id
        WHERE decision.decided_at <= {as_of}
        ORDER BY decision.id
        """,
        {
            "person": WHOLE,
            "campaign": WORD,
            "policy": WORD,
            "outcome": WORD,
            "headline": TEXT,
            "decided_at": TIME,
        },
        as_of=as_of,
    )


def two_factor(as_of: datetime) -> pd.DataFrame:
    """Two-factor observations, by account and then by time.

    One row: one account as first seen, or after a change.

    person        int64     key of the roster account
    has_totp      bool
    has_webauthn  bool
    observed_at   datetime
    """
    return copy(
        """
        SELECT account_id, has_totp, has_webauthn, observed_at
        FROM roster_twofactorobservation
        WHERE observed_at <= {as_of}
        ORDER BY account_id, observed_at, id
        """,
        {"person": WHOLE, "has_totp": FLAG, "has_webauthn": FLAG, "observed_at": TIME},
        as_of=as_of,
    )


def critical_projects(as_of: datetime) -> pd.DataFrame:
    """Projects that were critical at the start of the day.

    One row: one project.

    project  int64  key of the project
    """
    return copy(
        "SELECT id FROM roster_project WHERE critical_since < {day} ORDER BY id",
        {"project": WHOLE},
        as_of=as_of,
    )


def roles(as_of: datetime) -> pd.DataFrame:
    """Roles that were current at the start of the day.

    One row: one account on one project, whether it has one role or both.

    project  int64  key of the project
    person   int64  key of the roster account
    """
    return copy(
        """
        SELECT DISTINCT project_id, account_id
        FROM roster_projectrole
        WHERE (first_seen_on IS NULL OR first_seen_on < {day}) AND (ended_on IS NULL OR ended_on >= {day})
        ORDER BY project_id, account_id
        """,
        {"project": WHOLE, "person": WHOLE},
        as_of=as_of,
    )


def exceptions(as_of: datetime) -> pd.DataFrame:
    """Policy exceptions requested by `as_of`.

    One row: one request.

    rule          category
    requested_at  datetime
    expires_at    datetime
    granted_at    datetime  by a second person; missing if not granted
    ended_at      datetime  refused or revoked; missing if neither
    """
    return copy(
        """
        SELECT rule, requested_at, expires_at,
               CASE WHEN granted_at <= {as_of} THEN granted_at END,
               CASE WHEN ended_at <= {as_of} THEN ended_at END
        FROM roster_policyexception WHERE requested_at <= {as_of} ORDER BY id
        """,
        {"rule": WORD, "requested_at": TIME, "expires_at": TIME, "granted_at": TIME, "ended_at": TIME},
        as_of=as_of,
    )


def appeals(as_of: datetime) -> pd.DataFrame:
    """Appeals made by `as_of`.

    One row: one appeal.

    rule         category  the rule appealed against
    created_at   datetime
    answered_at  datetime  missing if not answered
    is_granted   bool      answered with an exception
    """
    return copy(
        """
        SELECT rule, created_at, CASE WHEN answered_at <= {as_of} THEN answered_at END,
               coalesce(answered_at <= {as_of} AND state = 'granted', false)
        FROM roster_appeal WHERE created_at <= {as_of} ORDER BY id
        """,
        {"rule": WORD, "created_at": TIME, "answered_at": TIME, "is_granted": FLAG},
        as_of=as_of,
    )
