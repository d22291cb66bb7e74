"""The quote agreed for a claim, kept with it."""

from django.db import models
from django.db.models import Q

from common.triggers import append_only
from fulfillment.claims.rules.quotes import Quote, lines_from_json


class ClaimQuote(models.Model):
    """The price of a claim as agreed when it was made; free claims have none.

    Amounts are in minor units of the currency. `lines` is what `quotes.lines_from_json` reads.
    """

    claim = models.OneToOneField("claims.Claim", on_delete=models.PROTECT, related_name="quote")
    prices = models.CharField(max_length=50, help_text="The version of the price list.")
    currency = models.CharField(max_length=3)
    tax_behavior = models.CharField(max_length=12)
    lines = models.JSONField()
    total = models.PositiveIntegerField()
    express_days = models.PositiveSmallIntegerField(null=True)
    quoted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(total__gt=0), name="quotes_cost_something"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="quotes_have_a_currency"),
        ]
        triggers = append_only("claim_quotes")

    def as_quote(self) -> Quote:
        return Quote(
            lines=lines_from_json(self.lines),
            currency=self.currency,
            tax_behavior=self.tax_behavior,
            prices=self.prices,
            express_days=self.express_days,
        )
