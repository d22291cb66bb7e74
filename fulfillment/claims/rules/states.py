"""States of a claim, which may follow which, and the groups of states that rules ask about."""

from collections.abc import Mapping

from common.choices import Choices
from common.translatable import gettext_noop as _


class ClaimState(Choices):
    WAITLISTED = "waitlisted", _("waiting for a key")
    IN_REVIEW = "in_review", _("being looked at by a person")
    AWAITING_PAYMENT = "awaiting_payment", _("waiting for payment")
    ACCEPTED = "accepted", _("accepted, keys reserved")
    SHIPPED = "shipped", _("with the carrier")
    DELIVERED = "delivered", _("delivered")
    CANCELLED = "cancelled", _("cancelled")
    REJECTED = "rejected", _("not approved")
    EXPIRED = "expired", _("expired")
    RETURNED = "returned", _("came back to us")


_S = ClaimState

# Which state may follow which. The database refuses every other step (the FSM trigger of Claim).
# Carriers take back what they said, so delivered may become shipped again and anything sent may return.
TRANSITIONS: Mapping[ClaimState, frozenset[ClaimState]] = {
    _S.WAITLISTED: frozenset({_S.ACCEPTED, _S.IN_REVIEW, _S.AWAITING_PAYMENT, _S.CANCELLED, _S.EXPIRED}),
    _S.IN_REVIEW: frozenset({_S.ACCEPTED, _S.WAITLISTED, _S.AWAITING_PAYMENT, _S.REJECTED, _S.CANCELLED}),
    _S.AWAITING_PAYMENT: frozenset({_S.ACCEPTED, _S.WAITLISTED, _S.CANCELLED, _S.EXPIRED}),
    # Back in line: a recall took its keys, and there were no others.
    _S.ACCEPTED: frozenset({_S.SHIPPED, _S.CANCELLED, _S.WAITLISTED}),
    _S.SHIPPED: frozenset({_S.DELIVERED, _S.RETURNED}),
    _S.DELIVERED: frozenset({_S.SHIPPED, _S.RETURNED}),
    _S.RETURNED: frozenset({_S.SHIPPED}),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
    # Paid after all, when there are still keys.
    _S.EXPIRED: frozenset({_S.ACCEPTED}),
}

# A maintainer has at most one claim in these per campaign (I3): all that were not turned down or given up.
LIVE_STATES = frozenset(
    {
        _S.WAITLISTED,
        _S.IN_REVIEW,
        _S.AWAITING_PAYMENT,
        _S.ACCEPTED,
        _S.SHIPPED,
        _S.DELIVERED,
    }
)
# Units are held for a claim in these.
HOLDING_STATES = frozenset({_S.AWAITING_PAYMENT, _S.ACCEPTED, _S.SHIPPED, _S.DELIVERED, _S.RETURNED})
# The maintainer may say that the parcel is there, or that it is not.
ARRIVING_STATES = frozenset({_S.SHIPPED, _S.DELIVERED})
# Nothing has been handed to a carrier yet, so the claimant may still change their mind.
CANCELLABLE_STATES = frozenset({_S.WAITLISTED, _S.IN_REVIEW, _S.AWAITING_PAYMENT, _S.ACCEPTED})
# These end by themselves when their time is over.
EXPIRING_STATES = frozenset(state for state, after in TRANSITIONS.items() if _S.EXPIRED in after)
