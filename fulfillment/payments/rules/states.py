"""States of payments, refunds and disputes, and the allowed transitions."""

from collections.abc import Mapping

from common.choices import Choices
from common.translatable import gettext_noop as _


class PaymentState(Choices):
    PLANNED = "planned", "checkout not created yet"
    OPEN = "open", "being paid"
    PENDING = "pending", "pending at the bank"
    PAID = "paid", "paid"
    FAILED = "failed", "declined by the bank"
    EXPIRED = "expired", "not paid in time"
    VOID = "void", "never offered"


_P = PaymentState

# The FSM trigger of Payment rejects every other transition. Paid can follow any other state, because a late
# payment must be recorded.
PAYMENT_TRANSITIONS: Mapping[PaymentState, frozenset[PaymentState]] = {
    _P.PLANNED: frozenset({_P.OPEN, _P.PENDING, _P.PAID, _P.FAILED, _P.EXPIRED, _P.VOID}),
    _P.OPEN: frozenset({_P.PENDING, _P.PAID, _P.FAILED, _P.EXPIRED}),
    _P.PENDING: frozenset({_P.PAID, _P.FAILED}),
    _P.EXPIRED: frozenset({_P.PAID}),
    _P.FAILED: frozenset({_P.PAID}),
    _P.VOID: frozenset({_P.OPEN, _P.PENDING, _P.PAID, _P.EXPIRED}),
    _P.PAID: frozenset(),
}
# A claim has at most one payment in these states.
LIVE_PAYMENT_STATES = frozenset({_P.PLANNED, _P.OPEN, _P.PENDING})


class RefundState(Choices):
    PLANNED = "planned", _("to be sent")
    PENDING = "pending", _("on its way")
    SUCCEEDED = "succeeded", _("sent back")
    FAILED = "failed", _("came back to us")
    VOID = "void", _("not needed")


_R = RefundState

REFUND_TRANSITIONS: Mapping[RefundState, frozenset[RefundState]] = {
    _R.PLANNED: frozenset({_R.PENDING, _R.SUCCEEDED, _R.FAILED, _R.VOID}),
    _R.PENDING: frozenset({_R.SUCCEEDED, _R.FAILED}),
    # A bank can return a refund days after it accepted it.
    _R.SUCCEEDED: frozenset({_R.FAILED}),
    _R.FAILED: frozenset({_R.PENDING, _R.SUCCEEDED}),
    _R.VOID: frozenset(),
}
# Refunds that count as returned to the payer.
LIVE_REFUND_STATES = frozenset({_R.PLANNED, _R.PENDING, _R.SUCCEEDED})


class RefundReason(Choices):
    CANCELLED = "cancelled", _("the claim was cancelled")
    TOO_LATE = "too_late", _("the payment came after the keys were given to others")
    TWICE = "twice", _("it was paid twice")
    MISMATCH = "mismatch", _("what was paid is not what was asked for")
    SHORT = "short", _("not everything that was paid for could be sent")
    UNDELIVERABLE = "undeliverable", _("the parcel could not be delivered")
    BY_HAND = "by_hand", _("as agreed")


class CheckoutOutcome(Choices):
    """The outcome of a received payment."""

    ACCEPTED = "accepted", "the claim was accepted"
    ACCEPTED_LATE = "accepted_late", "the claim was accepted although it had run out"
    GIVEN_BACK = "given_back", "refunded in full"


class DisputeState(Choices):
    OPEN = "open", "open"
    WON = "won", "decided for us"
    LOST = "lost", "decided for the payer"


# The vendor's final statuses; any other is open.
DISPUTE_ENDS: Mapping[str, DisputeState] = {
    "won": DisputeState.WON,
    "warning_closed": DisputeState.WON,
    "prevented": DisputeState.WON,
    "lost": DisputeState.LOST,
}
