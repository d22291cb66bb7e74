"""Campaigns, invitations, claims and claim events, as frames."""

from datetime import datetime

import pandas as pd

from reports.database import FLAG, TIME, WHOLE, WORD, copy


def campaigns(as_of: datetime) -> pd.DataFrame:
    """Campaigns created by `as_of`.

    One row: one campaign.

    campaign   category  slug
    opens_at   datetime
    per_claim  int64     keys a maintainer may have
    """
    return copy(
        "SELECT slug, opens_at, per_claim FROM claims_campaign WHERE created_at <= {as_of} ORDER BY slug",
        {"campaign": WORD, "opens_at": TIME, "per_claim": WHOLE},
        as_of=as_of,
    )


def invitations(as_of: datetime) -> pd.DataFrame:
    """Wave members invited by `as_of`.

    One row: one maintainer in one campaign.

    campaign    category  slug
    person      int64     key of the roster account
    wave        category  name of the wave
    invited_at  datetime
    """
    return copy(
        """
        SELECT campaign.slug, invitation.account_id, wave.name, invitation.invited_at
        FROM claims_invitation AS invitation
        JOIN claims_wave AS wave ON wave.id = invitation.wave_id
        JOIN claims_campaign AS campaign ON campaign.id = invitation.campaign_id
        WHERE invitation.invited_at <= {as_of}
        ORDER BY invitation.id
        """,
        {"campaign": WORD, "person": WHOLE, "wave": WORD, "invited_at": TIME},
        as_of=as_of,
    )


def claims(as_of: datetime) -> pd.DataFrame:
    """Claims made by `as_of`, with their unchanging attributes.

    One row: one claim.

    claim        int64     its key
    campaign     category  slug
    person       int64     key of the maintainer's roster account
    country      category  ISO 3166 alpha-2; a new address must be in the same country
    policy       category  version of the policy that decided it
    wave         category  the wave the maintainer had been invited in; empty for none
    is_eligible  bool      decided eligible, or approved by staff by then
    created_at   datetime
    """
    return copy(
        """
        SELECT claim.id, campaign.slug, claim.account_id, claim.country, policy.version,
               coalesce(wave.name, ''),
               decision.outcome = 'eligible' OR EXISTS (
                   SELECT FROM claims_claimevent AS event
                   WHERE event.claim_id IN (claim.id, claim.replaces_id) AND event.name = 'approved'
                     AND event.at <= {as_of}
               ),
               claim.created_at
        FROM claims_claim AS claim
        JOIN claims_campaign AS campaign ON campaign.id = claim.campaign_id
        JOIN roster_decision AS decision ON decision.id = claim.decision_id
        JOIN roster_policy AS policy ON policy.id = decision.policy_id
        LEFT JOIN claims_invitation AS invitation
            ON invitation.campaign_id = claim.campaign_id AND invitation.account_id = claim.account_id
            AND invitation.invited_at <= claim.created_at
        LEFT JOIN claims_wave AS wave ON wave.id = invitation.wave_id
        WHERE claim.created_at <= {as_of}
        ORDER BY claim.id
        """,
        {
            "claim": WHOLE,
            "campaign": WORD,
            "person": WHOLE,
            "country": WORD,
            "policy": WORD,
            "wave": WORD,
            "is_eligible": FLAG,
            "created_at": TIME,
        },
        as_of=as_of,
    )


def claim_events(as_of: datetime) -> pd.DataFrame:
    """Claim events, in the order they were recorded.

    One row: one event of one claim.

    claim         int64     key of the claim
    name          category  name of the event
    state_before  category  the claim's state before; empty for its first event
    state_after   category  the claim's state after
    at            datetime
    """
    return copy(
        """
        SELECT claim_id, name, state_before, state_after, at
        FROM claims_claimevent
        WHERE at <= {as_of}
        ORDER BY id
        """,
        {"claim": WHOLE, "name": WORD, "state_before": WORD, "state_after": WORD, "at": TIME},
        as_of=as_of,
    )
