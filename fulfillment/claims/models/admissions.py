"""Whether each account was admitted when a campaign was last evaluated, to find the newly eligible."""

from django.db import models


class Admission(models.Model):
    """Whether an account was admitted to a campaign when the whole roster was last evaluated."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="admissions")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="admissions")
    is_admitted = models.BooleanField()
    since = models.DateTimeField()

    class Meta:
        # The table kept its former name.
        db_table = "claims_standing"
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account"], name="one_standing_in_a_campaign"),
        ]
