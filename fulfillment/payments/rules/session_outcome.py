"""The outcome of a checkout session for its payment and claim. Decided from the session, not from events."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from fulfillment.claims.rules import ClaimState
from fulfillment.payments.rules.states import PAYMENT_TRANSITIONS, PaymentState, RefundReason
from fulfillment.payments.values import Checkout

_P = PaymentState

# The vendor accepts expiry times from 30 minutes to 24 hours ahead; one minute allows for the request.
SHORTEST_SESSION = timedelta(minutes=31)
LONGEST_SESSION = timedelta(hours=24) - timedelta(minutes=1)
# How long a claim keeps its keys after its session has expired, for a payment at the last minute.
GRACE = timedelta(minutes=10)
# The same when the vendor cannot be reached.
PATIENCE = timedelta(hours=6)
# How long keys are held for a payment that takes the bank days; then they go to the first in line.
HOLD_WHILE_PENDING = timedelta(days=7)
# The vendor keeps an idempotency key for at least a day; retries must stay below that.
KEY_GOOD_FOR = timedelta(hours=23)


def session_ends_at(*, due_at: datetime, now: datetime) -> datetime:
    """When a session created now expires: with the reservation, within the vendor's limits."""
    return min(max(due_at, now + SHORTEST_SESSION), now + LONGEST_SESSION).replace(microsecond=0)


def state_seen(checkout: Checkout) -> PaymentState:
    """The payment state that a session implies."""
    if checkout.is_paid:
        return _P.PAID
    if checkout.status == "expired":
        return _P.EXPIRED
    if checkout.status == "complete":
        return _P.FAILED if checkout.is_refused else _P.PENDING
    return _P.OPEN


def next_state(current: PaymentState, seen: PaymentState) -> PaymentState:
    """The state implied by the session if the transition is allowed, else the current one."""
    return seen if seen in PAYMENT_TRANSITIONS[current] else current


def amount_differences(
    checkout: Checkout, *, amount: int, currency: str, claim_code: str, payment_code: str
) -> list[str]:
    """Differences between a session and the requested payment, as codes; empty if none.

    A session with nothing to pay, from a manual discount of 100 %, is not a difference.
    """
    found = []
    is_gift = checkout.payment_status == "no_payment_required" and checkout.amount == 0
    if not is_gift and (checkout.amount != amount or checkout.received not in (None, amount)):
        found.append("amount")
    if checkout.currency != currency:
        found.append("currency")
    if checkout.claim_codes != {claim_code}:
        found.append("claim")
    if checkout.payment_code != payment_code:
        found.append("payment")
    return found


# Payments of claims in these states are refunded.
_GIVEN_UP = {ClaimState.CANCELLED: RefundReason.CANCELLED, ClaimState.REJECTED: RefundReason.CANCELLED}


def immediate_refund_reason(claim_state: ClaimState, *, differs: Sequence[str]) -> RefundReason | None:
    """Why a payment for a claim in this state is refunded at once; None if it can be fulfilled.

    An expired claim may still be fulfilled; the caller tries, and otherwise refunds it as too late.
    """
    if differs:
        return RefundReason.MISMATCH
    if claim_state in _GIVEN_UP:
        return _GIVEN_UP[claim_state]
    if claim_state in (ClaimState.AWAITING_PAYMENT, ClaimState.EXPIRED):
        return None
    if claim_state in (ClaimState.WAITLISTED, ClaimState.IN_REVIEW):
        # It lost its keys in a recall; it will be asked to pay again when it gets others.
        return RefundReason.TOO_LATE
    # It was accepted with another payment.
    return RefundReason.TWICE


def amount_to_refund(*, received: int, going_back: int, failed: int, disputed: int) -> int:
    """The amount still to be refunded of a payment that must be returned in full.

    Args: going_back: refunds planned, pending or succeeded. failed: refunds returned to us; each has a case,
          because a retry to the same card would fail again. disputed: the amount held or taken by the
          payer's bank.
    """
    return max(0, received - going_back - failed - disputed)
