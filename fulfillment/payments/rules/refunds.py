"""What the vendor says of a refund, in our words."""

from collections.abc import Mapping

from fulfillment.claims.rules.quotes import LineKind, Quote
from fulfillment.payments.rules.states import REFUND_TRANSITIONS, RefundState

_R = RefundState

_WORDS: Mapping[str, RefundState] = {
    "pending": _R.PENDING,
    "requires_action": _R.PENDING,
    "succeeded": _R.SUCCEEDED,
    "failed": _R.FAILED,
    "canceled": _R.FAILED,
}


def refund_state(status: str) -> RefundState:
    """An unknown word says nothing yet."""
    return _WORDS.get(status, _R.PENDING)


def next_refund_state(current: RefundState, status: str) -> RefundState:
    """Where a refund goes that the vendor says this of."""
    seen = refund_state(status)
    return seen if seen in REFUND_TRANSITIONS[current] else current


def price_of_missing_keys(quote: Quote, *, missing: int) -> int:
    """What is owed for keys that were paid for and cannot be sent, in the quote's minor units.

    The last keys are the bought ones: what is missing beyond them was free.
    """
    for line in quote.lines:
        if line.kind is LineKind.EXTRA_KEYS:
            return min(missing, line.quantity) * line.unit_amount
    return 0
