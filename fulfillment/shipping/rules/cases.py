"""Why a person must look at a parcel, and how soon."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import models


class CaseReason(models.TextChoices):
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
