"""The meaning of each answer to a purchase, and the steps while it is unknown.

Source: docs/vendors.md § 4.4 and § 4.5.
"""

from datetime import datetime, timedelta
from enum import Enum, auto

from fulfillment.cases.rules.reasons import CaseReason

MAX_ATTEMPTS = 4
GIVE_UP_AFTER = timedelta(hours=24)
# How long a request may still take effect at the vendor after our client stopped waiting for it.
SETTLE_MARGIN = timedelta(seconds=120)

# Refusals that mean "not bought" for certain. Everything that is not listed is unknown.
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
    """What the vendor's answer to a purchase means."""

    BOUGHT_BEFORE = auto()  # an earlier attempt succeeded: adopt its label
    STALE_RATE = auto()  # not bought; the same shipment needs new rates
    REFUSED = auto()  # not bought, and this parcel never will be as it is
    REFUSED_US = auto()  # not bought; nothing is wrong with the parcel, but with our account
    LATER = auto()  # not bought, most likely; the vendor is busy
    UNKNOWN = auto()  # it may or may not have been bought


def read_answer(code: str, status: int | None) -> PurchaseAnswer:
    """Read a failed purchase. Only refusals on the lists above count as definite, and only as a 4xx."""
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
    """Whether a refusal says something of our account and nothing of the parcel."""
    return code in _ABOUT_OUR_ACCOUNT or code.startswith(_ACCOUNT_PREFIX)


def case_for(code: str) -> CaseReason:
    """The case that a definite refusal makes."""
    if code == "SHIPMENT.POSTAGE.ASCII" or code.startswith("ADDRESS."):
        return CaseReason.ADDRESS
    return CaseReason.PURCHASE_REFUSED


def settle_interval(timeout: timedelta) -> timedelta:
    """How long after a purchase was sent its outcome may still change behind our back."""
    return timeout + SETTLE_MARGIN


class Recovery(Enum):
    """What to do after asking the vendor and finding no label."""

    LOOK_AGAIN = auto()
    BUY_AGAIN = auto()
    GIVE_UP = auto()


def after_an_empty_look(
    *, attempts: int, buy_started_at: datetime, looked_at: datetime | None, settle: timedelta, now: datetime
) -> Recovery:
    """Look twice, a settle interval apart, before buying again on the same vendor shipment.

    Args: looked_at: the look before this one; None when this is the first of this attempt.
    """
    if now - buy_started_at >= GIVE_UP_AFTER:
        return Recovery.GIVE_UP
    if looked_at is None or now - looked_at < settle:
        return Recovery.LOOK_AGAIN
    return Recovery.GIVE_UP if attempts >= MAX_ATTEMPTS else Recovery.BUY_AGAIN
