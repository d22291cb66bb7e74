"""Record a decision."""

from datetime import datetime

from roster import rules
from roster.errors import PolicyNotPublished
from roster.models import Account, Decision, Policy
from roster.selectors import CurrentSnapshots, current_snapshots


def record_decision(
    *,
    account: Account,
    policy: Policy,
    decision: rules.Decision,
    facts: rules.Facts,
    now: datetime,
    campaign: str = "",
    snapshots: CurrentSnapshots | None = None,
) -> Decision:
    """Append a decision with the facts and the roster snapshots it is based on.

    Args:   campaign: the slug of its campaign, if any.
            snapshots: the current snapshots, if the caller has read them already.
    Raises: PolicyNotPublished.
    """
    assert decision.policy == policy.version, "the decision was taken under this policy"
    if policy.status != Policy.Status.PUBLISHED:
        raise PolicyNotPublished(policy.version)
    document = decision.as_document()
    snapshots = snapshots or current_snapshots()
    return Decision.objects.create(
        account=account,
        policy=policy,
        campaign=campaign,
        outcome=decision.outcome,
        headline=decision.headline or "",
        verdicts=document["verdicts"],
        facts=facts.as_document(),
        decided_at=now,
        roles_snapshot_id=snapshots.roles,
        accounts_snapshot_id=snapshots.accounts,
    )
