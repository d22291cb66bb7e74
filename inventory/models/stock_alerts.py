"""Expiry of reservations, and alerts about low stock."""

from django.db import models
from django.db.models import Q


class Expiry(models.Model):
    """The time at which a holder's reservation expires unless it is changed before."""

    holder = models.CharField(max_length=80)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["holder"], name="one_expiry_per_holder")]

    def __str__(self) -> str:
        return f"{self.holder} {self.expires_at:%Y-%m-%d %H:%M}"


class StockAlert(models.Model):
    """A key model would last less than `threshold_days` at the rate of this moment."""

    key_model = models.ForeignKey("inventory.KeyModel", on_delete=models.PROTECT, related_name="alerts")
    raised_at = models.DateTimeField()
    available = models.PositiveIntegerField()
    per_day = models.FloatField(help_text="Units reserved a day, over the window")
    days_left = models.FloatField()
    threshold_days = models.PositiveIntegerField()
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key_model"],
                name="one_open_alert_per_key_model",
                condition=Q(cleared_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.key_model} {self.days_left:.0f} days left"
