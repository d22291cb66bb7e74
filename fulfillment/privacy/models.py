"""Records of erasures, without the erased data."""

from django.db import models

from common.triggers import append_only


class Erasure(models.Model):
    """One erasure: its time, and the number of records erased by kind."""

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="erasures")
    erased_at = models.DateTimeField()
    counts = models.JSONField()

    class Meta:
        triggers = append_only("erasures")
