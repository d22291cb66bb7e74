"""The region table: dated rows that say where keys can be sent, and on what terms."""

from datetime import datetime

from django.db import models
from django.db.models import Q


class RegionQuerySet(models.QuerySet["Region"]):
    def in_force(self, now: datetime) -> "RegionQuerySet":
        return self.filter(valid_from__lte=now).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))


class Region(models.Model):
    """A dated row of the region table (docs/architecture.md § 4): whether keys can be sent, and the terms.

    `key_model` empty means every model. A country without a row is not served.
    """

    class Status(models.TextChoices):
        OPEN = "open", "keys can be sent"
        WAITLIST = "waitlist", "not yet open, with a waitlist"
        PAUSED = "paused", "paused"
        BLOCKED = "blocked", "keys cannot be sent"

    country = models.CharField(max_length=2)
    subdivision = models.CharField(max_length=10, blank=True)
    key_model = models.ForeignKey("inventory.KeyModel", null=True, blank=True, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, choices=Status)
    reason = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=300)
    is_sponsored = models.BooleanField(default=True)
    keys_per_parcel = models.PositiveSmallIntegerField(default=2)
    po_box_allowed = models.BooleanField(default=False)
    phone_required = models.BooleanField(default=False)
    tax_id_required = models.BooleanField(default=False)
    incoterm = models.CharField(max_length=3, default="DDP")
    promised_days = models.PositiveSmallIntegerField(help_text="From hand-over to delivery.")
    ceiling_cents = models.PositiveIntegerField(
        help_text="Highest postage that needs no approval, in US cents."
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    objects = RegionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["country", "subdivision", "key_model", "valid_from"],
                name="one_region_row_at_a_time",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(country__regex=r"^[A-Z]{2}$"), name="countries_are_iso_3166_alpha_2"
            ),
        ]
