"""States of a claim, the allowed transitions, and named groups of states."""

from collections.abc import Mapping

from common.choices import Choices
from common.translatable import gettext_noop as _


class ClaimState(Choices):
    WAITLISTED = "waitlisted", _("on the waitlist")
    IN_REVIEW = "in_review", _("in review")
    AWAITING_PAYMENT = "awaiting_payment", _("awaiting payment")
    ACCEPTED = "accepted", _("accepted, keys reserved")
    SHIPPED = "shipped", _("with the carrier")
    DELIVERED = "delivered", _("delivered")
    CANCELLED = "cancelled", _("cancelled")
    REJECTED = "rejected", _("not approved")
    EXPIRED = "expired", _("expired")
    RETURNED = "returned", _("returned to us")


_S = ClaimState

# Permitted transitions. The FSM trigger of Claim refuses all others.
# Carriers correct their reports, so delivered may become shipped again and anything sent may be returned.
TRANSITIONS: Mapping[ClaimState, frozenset[ClaimState]] = {
    _S.WAITLISTED: frozenset({_S.ACCEPTED, _S.IN_REVIEW, _S.AWAITING_PAYMENT, _S.CANCELLED, _S.EXPIRED}),
    _S.IN_REVIEW: frozenset({_S.ACCEPTED, _S.WAITLISTED, _S.AWAITING_PAYMENT, _S.REJECTED, _S.CANCELLED}),
    _S.AWAITING_PAYMENT: frozenset({_S.ACCEPTED, _S.WAITLISTED, _S.CANCELLED, _S.EXPIRED}),
    # Waitlisted again when a recall took its keys and no others were in stock.
    _S.ACCEPTED: frozenset({_S.SHIPPED, _S.CANCELLED, _S.WAITLISTED}),
    _S.SHIPPED: frozenset({_S.DELIVERED, _S.RETURNED}),
    _S.DELIVERED: frozenset({_S.SHIPPED, _S.RETURNED}),
    _S.RETURNED: frozenset({_S.SHIPPED}),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
    # A late payment that succeeded, while there are still keys.
    _S.EXPIRED: frozenset({_S.ACCEPTED}),
}

# A maintainer has at most one claim in these states per campaign (I3).
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
# Units are reserved for a claim in these states.
HOLDING_STATES = frozenset({_S.AWAITING_PAYMENT, _S.ACCEPTED, _S.SHIPPED, _S.DELIVERED, _S.RETURNED})
# The maintainer may confirm that the parcel has arrived, or report that it has not.
ARRIVING_STATES = frozenset({_S.SHIPPED, _S.DELIVERED})
# Nothing has been handed to a carrier yet, so the claimant may still cancel.
CANCELLABLE_STATES = frozenset({_S.WAITLISTED, _S.IN_REVIEW, _S.AWAITING_PAYMENT, _S.ACCEPTED})
# Claims in these states can expire.
EXPIRING_STATES = frozenset(state for state, after in TRANSITIONS.items() if _S.EXPIRED in after)
