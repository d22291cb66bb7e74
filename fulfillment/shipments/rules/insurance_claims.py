"""Claims on the insurance that was bought with a label: what its states and the insurer's words are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from common.choices import Choices
from fulfillment.cases.rules.reasons import CaseReason


class LossKind(Choices):
    """What happened to the parcel, in the insurer's words."""

    LOSS = "loss", "it is lost"
    DAMAGE = "damage", "it came damaged"
    THEFT = "theft", "it was stolen"


class InsuranceState(Choices):
    FILING = "filing", "sent, not confirmed yet"
    SUBMITTED = "submitted", "with the insurer"
    NEEDS_ACTION = "needs_action", "the insurer wants more"
    APPROVED = "approved", "paid"
    REJECTED = "rejected", "refused"
    CANCELLED = "cancelled", "withdrawn"
    FAILED = "failed", "never reached the insurer"


_S = InsuranceState

INSURANCE_TRANSITIONS: Mapping[InsuranceState, frozenset[InsuranceState]] = {
    _S.FILING: frozenset({_S.SUBMITTED, _S.NEEDS_ACTION, _S.APPROVED, _S.REJECTED, _S.CANCELLED, _S.FAILED}),
    _S.SUBMITTED: frozenset({_S.NEEDS_ACTION, _S.APPROVED, _S.REJECTED, _S.CANCELLED}),
    _S.NEEDS_ACTION: frozenset({_S.SUBMITTED, _S.APPROVED, _S.REJECTED, _S.CANCELLED}),
    # An insurer that was shown more by mail may still pay.
    _S.REJECTED: frozenset({_S.APPROVED}),
    _S.APPROVED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.FAILED: frozenset(),
}
# A label has at most one claim that is, or may become, money.
DEAD_INSURANCE_STATES = frozenset({_S.REJECTED, _S.CANCELLED, _S.FAILED})
UNDECIDED = frozenset({_S.FILING, _S.SUBMITTED, _S.NEEDS_ACTION})
# Whoever filed it must do something, or decide what becomes of the parcel without the money.
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

# A claim whose answer was lost is looked for when it can no longer be under way.
LOOK_FOR_AFTER = timedelta(minutes=5)
CLOCKS_DIFFER = timedelta(hours=1)
ASK_AGAIN_AFTER = timedelta(hours=6)
PERSON_WITHIN = timedelta(days=1)


def read_word(status: str, *, approved_cents: int | None) -> InsuranceState:
    """The state that the insurer's word means. A new word, or a yes without a sum, waits for the next one."""
    state = _STATE_OF_WORD.get(status, _S.SUBMITTED)
    if state is not _S.APPROVED:
        return state
    if approved_cents is None:
        return _S.SUBMITTED
    return _S.APPROVED if approved_cents else _S.REJECTED


def likely_kind(reason: CaseReason) -> LossKind:
    """What a claim is most likely about, for a case of this reason."""
    return LossKind.DAMAGE if reason is CaseReason.DAMAGED else LossKind.LOSS


@dataclass(frozen=True)
class CaseSubject:
    """The parcel a case is about, as the carrier and the insurer know it; no data of the recipient.

    `insured_cents` is what was insured with the label, in US cents; 0 for nothing.
    """

    carrier: str
    tracking_code: str
    vendor_shipment_id: str
    insured_cents: int
    value_cents: int
