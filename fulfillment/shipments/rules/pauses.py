"""Reasons for a pause in buying labels."""

from common.choices import Choices


class PauseReason(Choices):
    WALLET = "wallet", "the wallet is empty"
    ACCOUNT = "account", "the vendor rejects the API key"
    RATE_LIMIT = "rate_limit", "rate limit reached"
