"""Kinds of cases, their reasons, and when each is due."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from common.choices import Choices


class CaseKind(Choices):
    """The kind of a case: about a shipment or a payment."""

    SHIPMENT = "shipment", "shipment"
    PAYMENT = "payment", "payment"


class CaseReason(Choices):
    """Why a case was opened.

    REFUND_REFUSED is about a label in a shipment case, and about a payment in a payment case.
    """

    NO_RATE = "no_rate", "no carrier takes this parcel"
    OVER_CEILING = "over_ceiling", "postage over the ceiling"
    ADDRESS = "address", "address cannot be delivered to"
    CUSTOMS_DATA = "customs_data", "customs data missing"
    PURCHASE_REFUSED = "purchase_refused", "label purchase refused"
    PURCHASE_UNKNOWN = "purchase_unknown", "label purchase outcome unknown"
    OVER_CAP = "over_cap", "label cost more than agreed"
    REFUND_REFUSED = "refund_refused", "refund refused"
    UNKNOWN_STATUS = "unknown_status", "unknown carrier status"
    DELIVERY_PROBLEM = "delivery_problem", "the carrier cannot deliver"
    SILENT = "silent", "no news of the parcel"
    RETURNED = "returned", "the parcel is coming back"
    LOST = "lost", "the parcel is lost"
    NOT_ARRIVED = "not_arrived", "reported as not arrived"
    DAMAGED = "damaged", "reported as damaged"
    WRONG_KEYS = "wrong_keys", "reported as the wrong keys"
    SEAL_BROKEN = "seal_broken", "reported with a broken seal"
    TRACKING_REVERSED = "tracking_reversed", "the carrier withdrew a tracking status"
    NO_RETURN = "no_return", "return label not bought or not used"
    INSURANCE = "insurance", "insurance claim needs attention"
    MISMATCH = "mismatch", "amount paid differs from the amount due"
    REFUND_FAILED = "refund_failed", "refund failed"
    DISPUTE = "dispute", "payment disputed"
    CHECKOUT_REFUSED = "checkout_refused", "checkout refused by the provider"
    WRONG_MODE = "wrong_mode", "payment in the provider's other mode"
    UNKNOWN_MONEY = "unknown_money", "payment that belongs to no claim"


_R = CaseReason
_OF_PAYMENTS = frozenset(
    {
        _R.MISMATCH,
        _R.REFUND_FAILED,
        _R.REFUND_REFUSED,
        _R.DISPUTE,
        _R.CHECKOUT_REFUSED,
        _R.WRONG_MODE,
        _R.UNKNOWN_MONEY,
    }
)
REASONS: Mapping[CaseKind, frozenset[CaseReason]] = {
    CaseKind.SHIPMENT: frozenset(CaseReason) - _OF_PAYMENTS | {_R.REFUND_REFUSED},
    CaseKind.PAYMENT: _OF_PAYMENTS,
}

_WITHIN_A_DAY = timedelta(days=1)
_DEFAULT = timedelta(days=3)
# Reasons that block money or an unlabelled parcel; the others wait for a carrier.
_DUE_AFTER: Mapping[CaseReason, timedelta] = {
    _R.PURCHASE_UNKNOWN: _WITHIN_A_DAY,
    _R.PURCHASE_REFUSED: _WITHIN_A_DAY,
    _R.NO_RATE: _WITHIN_A_DAY,
    _R.OVER_CEILING: _WITHIN_A_DAY,
    _R.ADDRESS: _WITHIN_A_DAY,
    _R.DELIVERY_PROBLEM: _WITHIN_A_DAY,
    # The maintainer may have keys that were tampered with.
    _R.SEAL_BROKEN: _WITHIN_A_DAY,
    _R.WRONG_KEYS: _WITHIN_A_DAY,
}


def due_at(kind: CaseKind, reason: CaseReason, opened_at: datetime) -> datetime:
    """The due time of a case of this kind and reason."""
    if kind is CaseKind.PAYMENT:
        return opened_at + _WITHIN_A_DAY
    return opened_at + _DUE_AFTER.get(reason, _DEFAULT)


# Reasons that wait for a carrier, with a longer due time in regions where delivery takes longer.
_CARRIERS_TURN = frozenset(
    {
        _R.SILENT,
        _R.DELIVERY_PROBLEM,
        _R.UNKNOWN_STATUS,
        _R.RETURNED,
        _R.LOST,
        _R.NOT_ARRIVED,
        _R.TRACKING_REVERSED,
    }
)
_USUAL_DAYS = 7


def due_in_region(reason: CaseReason, opened_at: datetime, *, promised_days: int | None) -> datetime:
    """The due time of a shipment case, by its reason and the region's transit time.

    Args: promised_days: the region's promise from hand-over to delivery; None if no label was planned.
    """
    usual = due_at(CaseKind.SHIPMENT, reason, opened_at)
    if reason not in _CARRIERS_TURN or promised_days is None or promised_days <= _USUAL_DAYS:
        return usual
    return usual + timedelta(days=(promised_days - _USUAL_DAYS) // 3)


# Reasons settled by delivery.
MOOT_ON_DELIVERY = frozenset({_R.SILENT, _R.DELIVERY_PROBLEM, _R.UNKNOWN_STATUS})
# Reasons that each check finds again while they last; a closed case of these is not opened again.
OPENED_ONCE = frozenset({_R.WRONG_MODE, _R.UNKNOWN_MONEY})
# Messages to the maintainer when a case is opened; those of carrier statuses are in `rules.tracking`.
MESSAGES: Mapping[CaseReason, str] = {
    _R.NO_RATE: "no carrier takes it at the moment; we are looking for a way",
    _R.CUSTOMS_DATA: "customs want to know more before it can leave; we are seeing to it",
    _R.SILENT: "nothing was heard of it for too long; we are asking the carrier",
}
