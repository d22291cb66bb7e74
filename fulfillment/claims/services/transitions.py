"""Move a claim from state to state, each step with its event."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState


def record_claim_event(
    claim: Claim,
    name: ClaimEvent.Name,
    *,
    actor: str,
    now: datetime,
    before: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Append what happened. The claim's state must be the one after it."""
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
    data: dict[str, Any] | None = None,
    **changes: Any,
) -> bool:
    """Take the claim to a state if it is in one of `from_states`; whether it was.

    Locks: none before; the conditional update says who won when two try at once.
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
