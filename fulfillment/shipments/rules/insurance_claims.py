"""States of an insurance claim, and the insurer's statuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from common.choices import Choices
from fulfillment.cases.rules.reasons import CaseReason


class LossKind(Choices):
    """What happened to the parcel, in the insurer's terms."""

    LOSS = "loss", "it is lost"
    DAMAGE = "damage", "it came damaged"
    THEFT = "theft", "it was stolen"


class InsuranceState(Choices):
    FILING = "filing", "sent, not confirmed yet"
    SUBMITTED = "submitted", "with the insurer"
    NEEDS_ACTION = "needs_action", "the insurer needs more"
    APPROVED = "approved", "paid"
    REJECTED = "rejected", "refused"
    CANCELLED = "cancelled", "withdrawn"
    FAILED = "failed", "not received by the insurer"


_S = InsuranceState

INSURANCE_TRANSITIONS: Mapping[InsuranceState, frozenset[InsuranceState]] = {
    _S.FILING: frozenset({_S.SUBMITTED, _S.NEEDS_ACTION, _S.APPROVED, _S.REJECTED, _S.CANCELLED, _S.FAILED}),
    _S.SUBMITTED: frozenset({_S.NEEDS_ACTION, _S.APPROVED, _S.REJECTED, _S.CANCELLED}),
    _S.NEEDS_ACTION: frozenset({_S.SUBMITTED, _S.APPROVED, _S.REJECTED, _S.CANCELLED}),
    # The insurer may still pay after more evidence was sent by email.
    _S.REJECTED: frozenset({_S.APPROVED}),
    _S.APPROVED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.FAILED: frozenset(),
}
# A label has at most one claim in any other state.
DEAD_INSURANCE_STATES = frozenset({_S.REJECTED, _S.CANCELLED, _S.FAILED})
UNDECIDED = frozenset({_S.FILING, _S.SUBMITTED, _S.NEEDS_ACTION})
# States that need a person: to send more to the insurer, or to decide without its payment.
FOR_A_PERSON = frozenset({_S.NEEDS_ACTION, _S.REJECTED, _S.CANCELLED, _S.FAILED})

_STATE_OF_WORD: Mapping[str, InsuranceState] = {
    "submitted": _S.SUBMITTED,
    "in_review": _S.SUBMITTED,
    "needs_action": _S.NEEDS_ACTION,
    "approved": _S.APPROVED,
    "approved_partial": _S.APPROVED,
    "rejected": _S.REJECTED,
    "cancelled": _S.CANCELLED,
}

# How long to wait before looking up a claim whose response was lost: by then the request has ended.
LOOK_FOR_AFTER = timedelta(minutes=5)
CLOCKS_DIFFER = timedelta(hours=1)
ASK_AGAIN_AFTER = timedelta(hours=6)
PERSON_WITHIN = timedelta(days=1)


def insurance_state_of(status: str, *, approved_cents: int | None) -> InsuranceState:
    """Map the insurer's status to a state.

    An unknown status, or an approval without an amount, counts as submitted.
    """
    state = _STATE_OF_WORD.get(status, _S.SUBMITTED)
    if state is not _S.APPROVED:
        return state
    if approved_cents is None:
        return _S.SUBMITTED
    return _S.APPROVED if approved_cents else _S.REJECTED


def likely_kind(reason: CaseReason) -> LossKind:
    """The most likely kind of loss for a case of this reason."""
    return LossKind.DAMAGE if reason is CaseReason.DAMAGED else LossKind.LOSS


@dataclass(frozen=True)
class CaseSubject:
    """The parcel of a case, as the carrier and the insurer know it; no recipient data.

    `insured_cents` is the value insured with the label, in US cents; 0 if none.
    """

    carrier: str
    tracking_code: str
    vendor_shipment_id: str
    insured_cents: int
    value_cents: int
