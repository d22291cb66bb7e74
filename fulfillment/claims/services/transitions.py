"""Change a claim's state, with an event for each change."""

from collections.abc import Collection, Mapping
from datetime import datetime

from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState


def record_claim_event(
    claim: Claim,
    name: ClaimEvent.Name,
    *,
    actor: str,
    now: datetime,
    before: str = "",
    data: Mapping[str, object] | None = None,
) -> None:
    """Append an event. The claim must already be in the state after it."""
    ClaimEvent.objects.create(
        claim=claim,
        name=name,
        state_before=before,
        state_after=claim.state,
        actor=actor,
        at=now,
        data=data or {},
    )


def change_state(
    claim: Claim,
    *,
    to: ClaimState,
    name: ClaimEvent.Name,
    actor: str,
    now: datetime,
    from_states: Collection[ClaimState],
    data: Mapping[str, object] | None = None,
    **changes: object,
) -> bool:
    """Change the claim's state if it is in one of `from_states`; return whether it was.

    Locks: none before; the conditional update decides which of two concurrent changes succeeds.
    """
    before = claim.state
    changed = Claim.objects.filter(pk=claim.pk, state=before, state__in=from_states).update(
        state=to, updated_at=now, **changes
    )
    if not changed:
        return False
    claim.refresh_from_db()
    record_claim_event(claim, name, actor=actor, now=now, before=before, data=data)
    return True
