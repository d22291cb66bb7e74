"""Record of erasures: that a person had their data erased, and nothing else."""

from django.db import models

from common.triggers import append_only


class Erasure(models.Model):
    """One erasure: when, and how many things of each kind went."""

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="erasures")
    erased_at = models.DateTimeField()
    counts = models.JSONField()

    class Meta:
        triggers = append_only("erasures")
