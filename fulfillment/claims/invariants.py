"""I3, I4 and the claims' part of I2: one live claim each, decided beforehand, holding only its own units."""

from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import Count

from common.invariants import Check, Violation
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import HOLDING_STATES

_HOLDING = sorted(str(state) for state in HOLDING_STATES)


def one_live_claim() -> tuple[int, Iterable[Violation]]:
    """I3: no maintainer has two live claims in a campaign."""
    doubled = (
        Claim.objects.live()
        .filter(replaces__isnull=True)
        .values("campaign__slug", "account__username")
        .annotate(claims=Count("id"))
        .filter(claims__gt=1)
    )
    return Claim.objects.live().count(), [
        Violation("I3", "two live claims in one campaign", [row["campaign__slug"], row["account__username"]])
        for row in doubled
    ]


# Accepted: the claim was at some point in a state in which keys are sent.
_WITHOUT_DECISION = """
SELECT claim.code
FROM claims_claim AS claim
JOIN roster_decision AS decision ON decision.id = claim.decision_id
WHERE EXISTS (
    SELECT FROM claims_claimevent AS event
    WHERE event.claim_id = claim.id AND event.state_after IN ('accepted', 'shipped', 'delivered')
) AND (
    decision.account_id <> claim.account_id
    OR decision.decided_at > claim.created_at
    OR decision.roles_snapshot_id IS NULL OR decision.accounts_snapshot_id IS NULL
    OR decision.outcome = 'ineligible'
    OR decision.outcome = 'review' AND NOT EXISTS (
        SELECT FROM claims_claimevent AS approval
        WHERE approval.claim_id IN (claim.id, claim.replaces_id) AND approval.name = 'approved'
          AND approval.actor ~ '^(staff|token):.'
    )
)
"""


def accepted_after_a_decision() -> tuple[int, Iterable[Violation]]:
    """I4: every accepted claim has an earlier decision that admits it, or a reviewer's approval."""
    return Claim.objects.count(), [
        Violation("I4", "accepted without a decision that admits it", [str(code)])
        for (code,) in _rows(_WITHOUT_DECISION)
    ]


# A claim that may hold units holds as many as it requested, and no other holds any.
_WRONG_UNITS = """
SELECT coalesce(claim.code, unit.held_for), claim.state, coalesce(claim.wanted, 0), coalesce(unit.held, 0)
FROM (
    SELECT claim.code, claim.state, claim.offered_until, sum(item.quantity) AS wanted
    FROM claims_claim AS claim JOIN claims_claimitem AS item ON item.claim_id = claim.id
    GROUP BY claim.id
) AS claim
FULL JOIN (
    SELECT held_for, count(*) AS held
    FROM inventory_unit WHERE held_for IS NOT NULL GROUP BY held_for
) AS unit ON unit.held_for = claim.code
WHERE CASE
    WHEN claim.code IS NULL THEN true
    -- Returned units are in the warehouse, no longer held for the claim.
    WHEN claim.state = 'returned' THEN false
    WHEN claim.state = ANY(%(holding)s) OR claim.offered_until IS NOT NULL
        THEN coalesce(unit.held, 0) <> claim.wanted
    ELSE coalesce(unit.held, 0) > 0
END
"""


def units_belong_to_claims() -> tuple[int, Iterable[Violation]]:
    """I2: every held unit is held for a claim that may hold it, and such a claim holds what it requested."""
    return Claim.objects.count(), [
        Violation(
            "I2", f"claim is {state or 'unknown'}, requested {wanted} and holds {held} units", [str(code)]
        )
        for code, state, wanted, held in _rows(_WRONG_UNITS, {"holding": _HOLDING})
    ]


# A claim's state is that of its last event (decision 0109).
_STATE_WITHOUT_EVENT = """
SELECT claim.code, claim.state, event.state_after
FROM claims_claim AS claim
LEFT JOIN LATERAL (
    SELECT state_after FROM claims_claimevent
    WHERE claim_id = claim.id ORDER BY id DESC LIMIT 1
) AS event ON true
WHERE claim.state IS DISTINCT FROM event.state_after
"""


def state_is_the_last_events() -> tuple[int, Iterable[Violation]]:
    """I4: a claim is in the state of its last event."""
    return Claim.objects.count(), [
        Violation("I4", f"claim is {state}, but its last event says {says}", [str(code)])
        for code, state, says in _rows(_STATE_WITHOUT_EVENT)
    ]


def _rows(sql: str, parameters: dict[str, list[str]] | None = None) -> Sequence[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or {})
        rows: Sequence[tuple[object, ...]] = cursor.fetchall()
    return rows


CHECKS = [
    Check("I2", "held units belong to claims", units_belong_to_claims),
    Check("I3", "one live claim per maintainer", one_live_claim),
    Check("I4", "accepted after a decision", accepted_after_a_decision),
    Check("I4", "state is the last event's", state_is_the_last_events),
]
