"""Interpretation of each answer to a purchase, and recovery while its outcome is unknown.

Source: docs/vendors.md § 4.4 and § 4.5.
"""

from datetime import datetime, timedelta
from enum import Enum, auto

from fulfillment.cases.rules.reasons import CaseReason

MAX_ATTEMPTS = 4
GIVE_UP_AFTER = timedelta(hours=24)
# How long a request may still take effect at the vendor after our client timed out.
SETTLE_MARGIN = timedelta(seconds=120)

# Errors that definitely mean "not bought". All others are treated as unknown.
_ABOUT_THE_PARCEL = frozenset(
    {
        "SHIPMENT.POSTAGE.FAILURE",
        "SHIPMENT.POSTAGE.ASCII",
        "SHIPMENT.RATE.CARRIER_ACCOUNT_INVALID",
    }
)
_PARCEL_PREFIX = "SHIPMENT.CUSTOMS_INFO."
_ABOUT_OUR_ACCOUNT = frozenset({"PAYMENT_REQUIRED", "APIKEY.INACTIVE"})
_ACCOUNT_PREFIX = "MODE."


class PurchaseAnswer(Enum):
    """Meaning of the vendor's answer to a purchase."""

    BOUGHT_BEFORE = auto()  # an earlier attempt succeeded: adopt its label
    STALE_RATE = auto()  # not bought; the same shipment needs new rates
    REFUSED = auto()  # not bought; cannot be bought unless the parcel changes
    REFUSED_US = auto()  # not bought; the problem is our account, not the parcel
    LATER = auto()  # probably not bought; the vendor is busy
    UNKNOWN = auto()  # it may or may not have been bought


def read_answer(code: str, status: int | None) -> PurchaseAnswer:
    """Classify a failed purchase. Only the errors listed above are definite, and only with a 4xx status."""
    if code == "SHIPMENT.POSTAGE.EXISTS":
        return PurchaseAnswer.BOUGHT_BEFORE
    if status == 429:
        return PurchaseAnswer.LATER
    return _read_refusal(code) if 400 <= (status or 0) < 500 else PurchaseAnswer.UNKNOWN


def _read_refusal(code: str) -> PurchaseAnswer:
    if code == "SHIPMENT.MISSING_RATE":
        return PurchaseAnswer.STALE_RATE
    if code in _ABOUT_THE_PARCEL or code.startswith(_PARCEL_PREFIX):
        return PurchaseAnswer.REFUSED
    if is_about_our_account(code):
        return PurchaseAnswer.REFUSED_US
    return PurchaseAnswer.UNKNOWN


def is_about_our_account(code: str) -> bool:
    """Whether a refusal concerns our account and not the parcel."""
    return code in _ABOUT_OUR_ACCOUNT or code.startswith(_ACCOUNT_PREFIX)


def case_for(code: str) -> CaseReason:
    """The reason of the case that a definite refusal opens."""
    if code == "SHIPMENT.POSTAGE.ASCII" or code.startswith("ADDRESS."):
        return CaseReason.ADDRESS
    return CaseReason.PURCHASE_REFUSED


def settle_interval(timeout: timedelta) -> timedelta:
    """How long the outcome of a purchase may still change after it was sent."""
    return timeout + SETTLE_MARGIN


class Recovery(Enum):
    """Next step after the vendor was asked and showed no label."""

    LOOK_AGAIN = auto()
    BUY_AGAIN = auto()
    GIVE_UP = auto()


def after_an_empty_look(
    *, attempts: int, buy_started_at: datetime, looked_at: datetime | None, settle: timedelta, now: datetime
) -> Recovery:
    """Check twice, a settle interval apart, before buying again on the same vendor shipment.

    Args: looked_at: the previous check; None when this is the first of this attempt.
    """
    if now - buy_started_at >= GIVE_UP_AFTER:
        return Recovery.GIVE_UP
    if looked_at is None or now - looked_at < settle:
        return Recovery.LOOK_AGAIN
    return Recovery.GIVE_UP if attempts >= MAX_ATTEMPTS else Recovery.BUY_AGAIN
