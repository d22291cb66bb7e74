"""What a look at the vendor's session means for a payment. Pure; nothing is decided from events."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from fulfillment.claims.rules import ClaimState
from fulfillment.payments.rules.states import PAYMENT_TRANSITIONS, PaymentState, RefundReason
from fulfillment.payments.values import Checkout

_P = PaymentState

# The vendor takes expiry times from half an hour to a day ahead; a minute is for the way there.
SHORTEST_SESSION = timedelta(minutes=31)
LONGEST_SESSION = timedelta(hours=24) - timedelta(minutes=1)
# After its session has ended a claim keeps its keys so long, for a payment of the last minute.
GRACE = timedelta(minutes=10)
# And so long when the vendor cannot be asked.
PATIENCE = timedelta(hours=6)
# Banks that take days: the keys are held for this long, and are the first in line's after that.
HOLD_WHILE_PENDING = timedelta(days=7)
# A key is good for a day at least; a repeat must come well before.
KEY_GOOD_FOR = timedelta(hours=23)


def session_ends_at(*, due_at: datetime, now: datetime) -> datetime:
    """When a session offered now ends: with the reservation, as far as the vendor allows."""
    return min(max(due_at, now + SHORTEST_SESSION), now + LONGEST_SESSION).replace(microsecond=0)


def state_seen(checkout: Checkout) -> PaymentState:
    """The state of a payment whose session is so."""
    if checkout.is_paid:
        return _P.PAID
    if checkout.status == "expired":
        return _P.EXPIRED
    if checkout.status == "complete":
        return _P.FAILED if checkout.is_refused else _P.PENDING
    return _P.OPEN


def next_state(current: PaymentState, seen: PaymentState) -> PaymentState:
    """Where a payment goes that is seen so; it stays when the table has no such step."""
    return seen if seen in PAYMENT_TRANSITIONS[current] else current


def amount_differences(
    checkout: Checkout, *, amount: int, currency: str, claim_code: str, payment_code: str
) -> list[str]:
    """In what a session is not what was asked for, as codes; empty when in nothing.

    Nothing to be paid is what a discount given by hand comes to, and no difference.
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


# Money of these claims is not ours to keep.
_GIVEN_UP = {ClaimState.CANCELLED: RefundReason.CANCELLED, ClaimState.REJECTED: RefundReason.CANCELLED}


def reason_to_give_back(claim_state: ClaimState, *, differs: Sequence[str]) -> RefundReason | None:
    """Why money that arrives for a claim in this state goes back at once; None when it can be served.

    A claim that ran out may still be served; the caller tries, and gives it back as too late if not.
    """
    if differs:
        return RefundReason.MISMATCH
    if claim_state in _GIVEN_UP:
        return _GIVEN_UP[claim_state]
    if claim_state in (ClaimState.AWAITING_PAYMENT, ClaimState.EXPIRED):
        return None
    if claim_state in (ClaimState.WAITLISTED, ClaimState.IN_REVIEW):
        # Its keys were taken from it, by a recall; it is asked to pay again when it has others.
        return RefundReason.TOO_LATE
    # It was accepted for another payment.
    return RefundReason.TWICE


def still_to_give_back(*, received: int, going_back: int, failed: int, disputed: int) -> int:
    """What of a payment that is not ours has yet to be sent back.

    Args: going_back: refunds planned, on their way, arrived. failed: refunds that came back to us: a
          person has their case, and the same card would send them back again. disputed: what the payer's
          bank holds or took.
    """
    return max(0, received - going_back - failed - disputed)
