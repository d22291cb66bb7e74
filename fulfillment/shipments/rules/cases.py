"""Why a person must look at a parcel, and how soon."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.choices import Choices


class CaseReason(Choices):
    NO_RATE = "no_rate", "no carrier takes this parcel"
    OVER_CEILING = "over_ceiling", "postage over the ceiling"
    ADDRESS = "address", "address cannot be delivered to"
    CUSTOMS_DATA = "customs_data", "customs need data that is missing"
    PURCHASE_REFUSED = "purchase_refused", "the vendor refuses the label"
    PURCHASE_UNKNOWN = "purchase_unknown", "whether a label was bought is unknown"
    OVER_CAP = "over_cap", "label cost more than was agreed"
    REFUND_REFUSED = "refund_refused", "the refund of the label was refused"
    UNKNOWN_STATUS = "unknown_status", "the carrier said something new"
    DELIVERY_PROBLEM = "delivery_problem", "the carrier cannot deliver"
    SILENT = "silent", "nothing heard of the parcel"
    RETURNED = "returned", "the parcel comes back"
    LOST = "lost", "the parcel is lost"
    NOT_ARRIVED = "not_arrived", "the maintainer says it never came"
    DAMAGED = "damaged", "the maintainer says it came damaged"
    WRONG_KEYS = "wrong_keys", "the maintainer says the keys are not those"
    SEAL_BROKEN = "seal_broken", "the maintainer says the seal was broken"
    TRACKING_REVERSED = "tracking_reversed", "the carrier took back what it said"
    NO_RETURN = "no_return", "the return label could not be bought, or was never used"
    INSURANCE = "insurance", "the insurer wants more, or does not pay"


_WITHIN_A_DAY = timedelta(days=1)
_DEFAULT = timedelta(days=3)
# Money or an unlabelled parcel waits on these; the rest wait for a carrier.
_DUE_AFTER: Mapping[CaseReason, timedelta] = {
    CaseReason.PURCHASE_UNKNOWN: _WITHIN_A_DAY,
    CaseReason.PURCHASE_REFUSED: _WITHIN_A_DAY,
    CaseReason.NO_RATE: _WITHIN_A_DAY,
    CaseReason.OVER_CEILING: _WITHIN_A_DAY,
    CaseReason.ADDRESS: _WITHIN_A_DAY,
    CaseReason.DELIVERY_PROBLEM: _WITHIN_A_DAY,
    # Somebody may hold keys that were tampered with.
    CaseReason.SEAL_BROKEN: _WITHIN_A_DAY,
    CaseReason.WRONG_KEYS: _WITHIN_A_DAY,
}


def due_at(reason: CaseReason, opened_at: datetime) -> datetime:
    """By when a case of this reason must have been worked."""
    return opened_at + _DUE_AFTER.get(reason, _DEFAULT)


# These wait for a carrier; where parcels take longer, so do its answers.
_CARRIERS_TURN = frozenset(
    {
        CaseReason.SILENT,
        CaseReason.DELIVERY_PROBLEM,
        CaseReason.UNKNOWN_STATUS,
        CaseReason.RETURNED,
        CaseReason.LOST,
        CaseReason.NOT_ARRIVED,
        CaseReason.TRACKING_REVERSED,
    }
)
_USUAL_DAYS = 7


def due_in_region(reason: CaseReason, opened_at: datetime, *, promised_days: int | None) -> datetime:
    """By when a case must have been worked, by reason and by how far the parcel goes.

    Args: promised_days: the region's, from hand-over to the door; None when no label was planned.
    """
    usual = due_at(reason, opened_at)
    if reason not in _CARRIERS_TURN or promised_days is None or promised_days <= _USUAL_DAYS:
        return usual
    return usual + timedelta(days=(promised_days - _USUAL_DAYS) // 3)


class Cause(Choices):
    """The cause of a delivery problem, in terms that carrier integrations share (docs/vendors.md § 3.6)."""

    CARRIER_DAMAGED = "carrier_damaged_parcel", "damaged by the carrier"
    CARRIER_LOST = "carrier_parcel_lost", "lost by the carrier"
    CARRIER_SORTING = "carrier_sorting_error", "sent the wrong way by the carrier"
    CARRIER_DELAY = "carrier_delay", "delayed at the carrier"
    ADDRESS_NOT_FOUND = "carrier_address_not_found", "address not found by the carrier"
    OUR_DATA = "retailer_incorrect_data", "our data were wrong or missing"
    OUR_CONTENTS = "retailer_incorrect_parcel", "we packed the wrong thing"
    REFUSED = "consignee_refused", "refused by the recipient"
    NOT_HOME = "consignee_not_available", "nobody there to take it"
    WRONG_ADDRESS = "consignee_incorrect_address", "the address was wrong"
    CUSTOMS_DELAY = "customs_delay", "held by customs"
    CUSTOMS_PAPERS = "customs_documentation", "customs want papers"
    WEATHER = "weather_delay", "weather"
    SECURITY = "security_issue", "tampering suspected"
    REGULATORY = "regulatory_hold", "not allowed there"
    UNKNOWN = "unknown", "not known"


_CAUSE_OF_DETAIL: Mapping[str, Cause] = {
    "address_correction": Cause.WRONG_ADDRESS,
    "awaiting_information": Cause.CUSTOMS_PAPERS,
    "damaged": Cause.CARRIER_DAMAGED,
    "delayed": Cause.CARRIER_DELAY,
    "delivery_exception": Cause.NOT_HOME,
    "held": Cause.CUSTOMS_DELAY,
    "lost": Cause.CARRIER_LOST,
    "missorted": Cause.CARRIER_SORTING,
    "refused": Cause.REFUSED,
    "transit_exception": Cause.CARRIER_DELAY,
    "weather_delay": Cause.WEATHER,
}
_CAUSE_OF_REASON: Mapping[CaseReason, Cause] = {
    CaseReason.ADDRESS: Cause.WRONG_ADDRESS,
    CaseReason.CUSTOMS_DATA: Cause.OUR_DATA,
    CaseReason.LOST: Cause.CARRIER_LOST,
    CaseReason.DAMAGED: Cause.CARRIER_DAMAGED,
    CaseReason.WRONG_KEYS: Cause.OUR_CONTENTS,
    CaseReason.SEAL_BROKEN: Cause.SECURITY,
}


def cause_of(reason: CaseReason, detail: str) -> Cause:
    """The normalised cause, from the carrier's detail where it says more than the reason does.

    Args: detail: what the case is opened with; its last word is the carrier's `status_detail`.
    """
    if reason is CaseReason.NO_RATE and "closed" in detail:
        return Cause.REGULATORY
    words = detail.split()
    said = _CAUSE_OF_DETAIL.get(words[-1]) if words else None
    return said or _CAUSE_OF_REASON.get(reason, Cause.UNKNOWN)


class CaseAction(Choices):
    """What a person can do about a case."""

    TAKE = "take", "take it on"
    NOTE = "note", "write down what was found out"
    FIX_ADDRESS = "fix_address", "correct the address and send"
    RESEND = "resend", "try the label again"
    APPROVE_POSTAGE = "approve_postage", "approve dearer postage and send"
    RETURN_LABEL = "return_label", "give the maintainer a return label"
    GIVE_CUSTOMS_DATA = "give_customs_data", "give customs what they want and send"
    REDIRECT = "redirect", "have the carrier redirect it"
    FILE_CLAIM = "file_claim", "claim the insured value"
    CLAIM_INSURANCE = "claim_insurance", "write down a claim made elsewhere"
    REPLACE = "replace", "send replacements"
    WRITE_OFF = "write_off", "write the parcel off"
    GIVE_UP_LABEL = "give_up_label", "destroy the label and keep the parcel here"
    CLOSE = "close", "close it"


class CaseOutcome(Choices):
    """How a case can end."""

    RESOLVED = "resolved", "settled itself"
    ADDRESS_FIXED = "address_fixed", "address corrected"
    SENT_AGAIN = "sent_again", "sent again"
    CUSTOMS_GIVEN = "customs_given", "customs got their data"
    REDIRECTED = "redirected", "redirected"
    REPLACED = "replaced", "replaced"
    INSURANCE_CLAIMED = "insurance_claimed", "insured value claimed"
    WRITTEN_OFF = "written_off", "written off"
    REFUNDED = "refunded", "label refunded"
    LABEL_LOST = "label_lost", "label destroyed, its postage lost"
    NOT_SENT = "not_sent", "not sent after all"
    NO_FAULT = "no_fault", "nothing was wrong"


_A, _R = CaseAction, CaseReason
_ALWAYS = (_A.TAKE, _A.NOTE, _A.CLOSE)
_BEFORE_SENDING = (_A.FIX_ADDRESS, _A.RESEND)
_INSURANCE = (_A.FILE_CLAIM, _A.CLAIM_INSURANCE)
_UNDER_WAY = (_A.REDIRECT, *_INSURANCE, _A.REPLACE, _A.WRITE_OFF)
# The playbook: what is offered for which reason, the likeliest first.
_PLAYBOOK: Mapping[CaseReason, tuple[CaseAction, ...]] = {
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
    # Keys that somebody may have tampered with are worth looking at.
    _R.SEAL_BROKEN: (_A.RETURN_LABEL, _A.REPLACE),
    _R.REFUND_REFUSED: (_A.GIVE_UP_LABEL,),
    _R.NO_RETURN: (_A.RETURN_LABEL, _A.REPLACE, _A.WRITE_OFF),
    _R.INSURANCE: _INSURANCE,
    _R.TRACKING_REVERSED: (_A.REDIRECT, _A.REPLACE),
}


def playbook(reason: CaseReason) -> tuple[CaseAction, ...]:
    """What is offered about a case of this reason, the likeliest first."""
    return (*_PLAYBOOK.get(reason, ()), *_ALWAYS)


# What the maintainer is told when a case is opened; a carrier's own words are told where they are read.
TOLD: Mapping[CaseReason, str] = {
    _R.NO_RATE: "no carrier takes it at the moment; we are looking for a way",
    _R.CUSTOMS_DATA: "customs want to know more before it can leave; we are seeing to it",
    _R.SILENT: "nothing was heard of it for too long; we are asking the carrier",
}
# Settled by the parcel's arrival.
MOOT_ON_DELIVERY = frozenset({_R.SILENT, _R.DELIVERY_PROBLEM, _R.UNKNOWN_STATUS})


@dataclass(frozen=True)
class CaseSubject:
    """The parcel that a case is about, as those outside know it. Nothing of the recipient.

    `insured_cents` is what was insured with the label, in US cents; 0 for nothing.
    """

    carrier: str
    tracking_code: str
    vendor_shipment_id: str
    insured_cents: int
    value_cents: int
