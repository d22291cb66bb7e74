"""Reasons for a pause in buying labels."""

from common.choices import Choices


class PauseReason(Choices):
    WALLET = "wallet", "the wallet is empty"
    ACCOUNT = "account", "the vendor does not take our key"
    RATE_LIMIT = "rate_limit", "we ask more often than the vendor allows"
