"""Causes of shipment cases."""

from collections.abc import Mapping

from common.choices import Choices
from fulfillment.cases.rules.reasons import CaseReason


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
    """The normalised cause, from the carrier's detail if it is more specific than the reason.

    Args: detail: the case's detail; its last word is the carrier's `status_detail`.
    """
    if reason is CaseReason.NO_RATE and "closed" in detail:
        return Cause.REGULATORY
    words = detail.split()
    said = _CAUSE_OF_DETAIL.get(words[-1]) if words else None
    return said or _CAUSE_OF_REASON.get(reason, Cause.UNKNOWN)
