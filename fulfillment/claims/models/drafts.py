"""Drafts: claims that a maintainer has begun and not submitted."""

from functools import partial

from django.db import models
from django.db.models import Q

from common.public_ids import new_code

_new_draft_code = partial(new_code, "D")


class Draft(models.Model):
    """A claim that a maintainer has started, to be continued later or on another device.

    Has no personal data: the address is in the vault under the draft's code, for a limited time. A draft
    that became a claim is kept, so that the same form sent again finds that claim.
    """

    code = models.CharField(max_length=20, unique=True, default=_new_draft_code)
    campaign = models.ForeignKey("claims.Campaign", on_delete=models.CASCADE, related_name="drafts")
    account = models.ForeignKey("roster.Account", on_delete=models.CASCADE, related_name="drafts")
    country = models.CharField(max_length=2, blank=True)
    wanted = models.JSONField(
        default=dict,
        help_text="SKU → quantity, SKU * for any in stock; empty while nothing is chosen.",
    )
    service = models.CharField(max_length=10, default="standard")
    has_address = models.BooleanField(default=False)
    claim = models.OneToOneField("claims.Claim", null=True, on_delete=models.PROTECT, related_name="draft")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "account"],
                condition=Q(claim__isnull=True),
                name="one_open_draft_per_campaign",
            ),
        ]

    def __str__(self) -> str:
        return self.code
