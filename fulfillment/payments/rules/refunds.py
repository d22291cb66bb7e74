"""Mapping of the vendor's refund status to our states, and the price of missing keys."""

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
    """Map the vendor's status; an unknown one counts as pending."""
    return _WORDS.get(status, _R.PENDING)


def next_refund_state(current: RefundState, status: str) -> RefundState:
    """The next state of a refund with this status at the vendor."""
    seen = refund_state(status)
    return seen if seen in REFUND_TRANSITIONS[current] else current


def price_of_missing_keys(quote: Quote, *, missing: int) -> int:
    """The amount to refund for paid keys that cannot be sent, in the quote's minor units.

    Missing keys count as paid ones first; any beyond those were free.
    """
    for line in quote.lines:
        if line.kind is LineKind.EXTRA_KEYS:
            return min(missing, line.quantity) * line.unit_amount
    return 0
