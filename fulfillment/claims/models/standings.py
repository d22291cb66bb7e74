"""Whether each account was admitted when a campaign was last evaluated."""

from django.db import models


class Standing(models.Model):
    """Whether somebody was admitted when everybody was last looked at: what "newly" is measured against."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="standings")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="standings")
    is_admitted = models.BooleanField()
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account"], name="one_standing_in_a_campaign"),
        ]
