"""The vendor account: pauses in buying, labels without a purchase, and results of checks."""

from django.db import models
from django.db.models import Q

from fulfillment.shipments.rules.pauses import PauseReason


class BuyingPause(models.Model):
    """A pause in buying labels: the wallet is empty, the API key is rejected, or a rate limit was reached.

    One row per reason while it lasts; waiting purchases resume when it ends.
    """

    reason = models.CharField(max_length=20, choices=PauseReason.choices(), unique=True)
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="When one purchase is tried, to end or extend the pause.")
    times = models.PositiveIntegerField(default=1, help_text="Number of consecutive failures.")
    code = models.CharField(max_length=80, help_text="The vendor's code, never its text.")


class StrayLabel(models.Model):
    """A label at the vendor without a live purchase: bought twice, or manually.

    `reference` is stored only if it is one of ours; any other text may contain personal data.
    """

    vendor_shipment_id = models.CharField(max_length=40, unique=True)
    reference = models.CharField(max_length=80, blank=True)
    carrier = models.CharField(max_length=40)
    tracking_code = models.CharField(max_length=60)
    cost_cents = models.PositiveIntegerField()
    refund_status = models.CharField(
        max_length=20, blank=True, help_text="The vendor's refund status, once requested."
    )
    found_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When the refund was received.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True) | Q(refund_status__in=["refunded", "not_applicable"]),
                name="settled_strays_have_their_money",
            ),
        ]


class VendorFinding(models.Model):
    """The last result of one check at the vendor, for pages that cannot wait for a call."""

    name = models.CharField(max_length=40, unique=True)
    is_well = models.BooleanField()
    finding = models.CharField(max_length=200)
    checked_at = models.DateTimeField()
