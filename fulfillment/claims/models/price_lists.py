"""Price lists of campaigns: published with their dates, then fixed."""

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import Q

from common.triggers import immutable


class PriceListQuerySet(models.QuerySet["PriceList"]):
    def in_force(self, now: datetime) -> "PriceListQuerySet":
        return self.filter(valid_from__lte=now).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))


class PriceList(models.Model):
    """The prices of a campaign for a period. Published lists never change.

    Only their end is set, once, when the next list is published.
    """

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="price_lists")
    version = models.CharField(max_length=50)
    document = models.JSONField(help_text="As `price_documents.parse_prices` reads it.")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=80)

    objects = PriceListQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "version"], name="price_lists_have_versions"),
            models.UniqueConstraint(fields=["campaign", "valid_from"], name="one_price_list_at_a_time"),
            models.UniqueConstraint(
                fields=["campaign"],
                condition=Q(valid_until__isnull=True),
                name="one_price_list_without_an_end",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=models.F("valid_from")),
                name="price_lists_end_after_they_begin",
            ),
        ]
        triggers = [
            immutable(
                "price_lists_are_fixed", "campaign_id", "version", "document", "valid_from", "published_at"
            ),
            pgtrigger.Protect(name="price_lists_stay", operation=pgtrigger.Delete),
        ]
