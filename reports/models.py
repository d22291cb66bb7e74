"""Record of monthly reports that were emailed."""

from django.db import models
from django.db.models import Q


class Mailing(models.Model):
    """One month's published report to one subscriber, identified by the digest of the address.

    The row is written before the email is sent: if the worker dies in between, the unsent row is retried, and
    a job that runs twice sends nothing twice.
    """

    month = models.DateField(help_text="Its first day.")
    campaign = models.CharField(max_length=50, help_text="Slug.")
    recipient = models.CharField(max_length=64, help_text="SHA-256 of the address.")
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["month", "campaign", "recipient"], name="one_report_a_month_each"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="months_are_named_by_their_first_day"),
        ]
