"""Playbooks: the actions offered for each kind and reason of case, and the outcomes a case can end with."""

from collections.abc import Mapping

from common.choices import Choices
from fulfillment.cases.rules.reasons import CaseKind, CaseReason


class CaseAction(Choices):
    """An action that staff can take on a case."""

    TAKE = "take", "take the case"
    NOTE = "note", "add a note"
    FIX_ADDRESS = "fix_address", "correct the address and send"
    RESEND = "resend", "try the label again"
    APPROVE_POSTAGE = "approve_postage", "approve higher postage and send"
    RETURN_LABEL = "return_label", "give the maintainer a return label"
    GIVE_CUSTOMS_DATA = "give_customs_data", "add customs data and send"
    REDIRECT = "redirect", "have the carrier redirect the parcel"
    FILE_CLAIM = "file_claim", "file an insurance claim"
    CLAIM_INSURANCE = "claim_insurance", "record a claim filed elsewhere"
    REPLACE = "replace", "send replacements"
    WRITE_OFF = "write_off", "write the parcel off"
    GIVE_UP_LABEL = "give_up_label", "destroy the label and keep the parcel here"
    LOOK = "look", "check with the payment provider again"
    SEND_AGAIN = "send_again", "send the refund again"
    PAID_OTHERWISE = "paid_otherwise", "record a refund paid another way"
    ANSWERED = "answered", "record that the evidence was submitted"
    CLOSE = "close", "close the case"


class CaseOutcome(Choices):
    """How a case can end."""

    RESOLVED = "resolved", "resolved by itself"
    ADDRESS_FIXED = "address_fixed", "address corrected"
    SENT_AGAIN = "sent_again", "sent again"
    CUSTOMS_GIVEN = "customs_given", "customs data given"
    REDIRECTED = "redirected", "redirected"
    REPLACED = "replaced", "replaced"
    INSURANCE_CLAIMED = "insurance_claimed", "insured value claimed"
    WRITTEN_OFF = "written_off", "written off"
    REFUNDED = "refunded", "label refunded"
    LABEL_LOST = "label_lost", "label destroyed, its postage lost"
    NOT_SENT = "not_sent", "not sent after all"
    PAID_OTHERWISE = "paid_otherwise", "refunded another way"
    REFUNDED_BY_HAND = "refunded_by_hand", "refunded in the provider's dashboard"
    MENDED = "mended", "fault corrected"
    NOT_ANSWERED = "not_answered", "dispute not contested"
    NO_FAULT = "no_fault", "nothing was wrong"


_A, _O, _R = CaseAction, CaseOutcome, CaseReason
_OF_PAYMENTS = (
    _O.SENT_AGAIN,
    _O.PAID_OTHERWISE,
    _O.REFUNDED_BY_HAND,
    _O.MENDED,
    _O.NOT_ANSWERED,
    _O.NO_FAULT,
)
_OF_PAYMENTS_ONLY = frozenset(_OF_PAYMENTS) - {_O.SENT_AGAIN, _O.NO_FAULT}
OUTCOMES: Mapping[CaseKind, tuple[CaseOutcome, ...]] = {
    CaseKind.SHIPMENT: tuple(one for one in CaseOutcome if one not in _OF_PAYMENTS_ONLY),
    CaseKind.PAYMENT: _OF_PAYMENTS,
}

_ALWAYS: Mapping[CaseKind, tuple[CaseAction, ...]] = {
    CaseKind.SHIPMENT: (_A.TAKE, _A.NOTE, _A.CLOSE),
    CaseKind.PAYMENT: (_A.TAKE, _A.NOTE, _A.LOOK, _A.CLOSE),
}
_BEFORE_SENDING = (_A.FIX_ADDRESS, _A.RESEND)
_INSURANCE = (_A.FILE_CLAIM, _A.CLAIM_INSURANCE)
_UNDER_WAY = (_A.REDIRECT, *_INSURANCE, _A.REPLACE, _A.WRITE_OFF)
_OF_A_REFUND = (_A.SEND_AGAIN, _A.PAID_OTHERWISE)
# The actions for each reason, most likely first.
_PLAYBOOKS: Mapping[CaseKind, Mapping[CaseReason, tuple[CaseAction, ...]]] = {
    CaseKind.SHIPMENT: {
        _R.NO_RATE: (_A.RESEND, _A.FIX_ADDRESS, _A.APPROVE_POSTAGE),
        _R.OVER_CEILING: (_A.APPROVE_POSTAGE, _A.RESEND),
        _R.ADDRESS: _BEFORE_SENDING,
        _R.CUSTOMS_DATA: (_A.GIVE_CUSTOMS_DATA, _A.RESEND),
        _R.PURCHASE_REFUSED: (_A.RESEND, _A.FIX_ADDRESS, _A.GIVE_CUSTOMS_DATA),
        _R.DELIVERY_PROBLEM: (_A.REDIRECT, _A.GIVE_CUSTOMS_DATA, _A.REPLACE, *_INSURANCE, _A.WRITE_OFF),
        _R.UNKNOWN_STATUS: (_A.REDIRECT,),
        _R.SILENT: (*_INSURANCE, _A.REPLACE, _A.WRITE_OFF, _A.RESEND),
        _R.RETURNED: (_A.REPLACE, _A.WRITE_OFF),
        _R.LOST: (_A.REPLACE, *_INSURANCE, _A.WRITE_OFF),
        _R.NOT_ARRIVED: _UNDER_WAY,
        _R.DAMAGED: (_A.RETURN_LABEL, _A.REPLACE, *_INSURANCE),
        _R.WRONG_KEYS: (_A.RETURN_LABEL, _A.REPLACE),
        # Keys that may have been tampered with should be returned for inspection.
        _R.SEAL_BROKEN: (_A.RETURN_LABEL, _A.REPLACE),
        _R.REFUND_REFUSED: (_A.GIVE_UP_LABEL,),
        _R.NO_RETURN: (_A.RETURN_LABEL, _A.REPLACE, _A.WRITE_OFF),
        _R.INSURANCE: _INSURANCE,
        _R.TRACKING_REVERSED: (_A.REDIRECT, _A.REPLACE),
    },
    CaseKind.PAYMENT: {
        _R.REFUND_FAILED: _OF_A_REFUND,
        _R.REFUND_REFUSED: _OF_A_REFUND,
        _R.DISPUTE: (_A.ANSWERED,),
    },
}
# Actions that pay out, or record a payout; they need a permission of their own.
MOVING_MONEY = frozenset(_OF_A_REFUND)


# All actions of a kind; an action of another kind does not apply.
ACTIONS: Mapping[CaseKind, frozenset[CaseAction]] = {
    kind: frozenset(_ALWAYS[kind]).union(*_PLAYBOOKS[kind].values()) for kind in CaseKind
}


def playbook(kind: CaseKind, reason: CaseReason) -> tuple[CaseAction, ...]:
    """The actions for a case of this kind and reason, most likely first."""
    return (*_PLAYBOOKS[kind].get(reason, ()), *_ALWAYS[kind])


# What to do about a payment case, in a sentence.
PAYMENT_ADVICE: Mapping[CaseReason, str] = {
    _R.MISMATCH: "The payment is refunded automatically and the claim is not accepted. Find out why the "
    "amounts differ.",
    _R.REFUND_FAILED: "The payer's bank returned the refund, most often because the card was closed. Ask the "
    "payer how they want it, or send it again.",
    _R.REFUND_REFUSED: "The payment provider refuses the refund. Its error code is below; correct the cause, "
    "then send the refund again.",
    _R.DISPUTE: "Answer it in the payment provider's dashboard with the evidence below, before it is due. "
    "Parcels that have not left are held until the dispute is decided.",
    _R.CHECKOUT_REFUSED: "The payment provider accepts no payment for this claim. Its error code is below; "
    "the claimant can try again.",
    _R.WRONG_MODE: "Test and live payments are mixed. Stop taking payments and check the API keys.",
    _R.UNKNOWN_MONEY: "This payment belongs to no claim. Refund it in the payment provider's dashboard, or "
    "find its claim.",
}
