"""Why the buying of labels pauses."""

from django.db import models


class PauseReason(models.TextChoices):
    WALLET = "wallet", "the wallet is empty"
    ACCOUNT = "account", "the vendor does not take our key"
    RATE_LIMIT = "rate_limit", "we ask more often than the vendor allows"
