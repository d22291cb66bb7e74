"""Circuit breaker: how long buying pauses after the vendor refused our account, not a parcel."""

from datetime import timedelta

from fulfillment.postage.rules.purchases import is_about_our_account
from fulfillment.shipments.rules.pauses import PauseReason

# First and longest pause; each repeat doubles it. A rate limit passes by itself, a wallet must be topped up.
_BOUNDS = {
    PauseReason.RATE_LIMIT: (timedelta(seconds=15), timedelta(minutes=15)),
    PauseReason.WALLET: (timedelta(minutes=10), timedelta(hours=1)),
    PauseReason.ACCOUNT: (timedelta(minutes=10), timedelta(hours=1)),
}


def reason_to_pause(code: str, status: int | None) -> PauseReason | None:
    """Why this refusal stops all buying; None when it concerns one parcel or is unknown."""
    if status == 429:
        return PauseReason.RATE_LIMIT
    if status is None or not is_about_our_account(code):
        return None
    return PauseReason.WALLET if code == "PAYMENT_REQUIRED" else PauseReason.ACCOUNT


def length(reason: PauseReason, times: int) -> timedelta:
    """Length of the pause after this many refusals in a row."""
    first, longest = _BOUNDS[reason]
    doublings: int = 2 ** min(times - 1, 16)
    return min(first * doublings, longest)
