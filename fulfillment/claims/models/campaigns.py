"""Campaigns, and the policies each has adopted."""

from django.db import models
from django.db.models import Q

from common.triggers import append_only


class Campaign(models.Model):
    """A campaign: its dates, its keys per maintainer, and the policy that decides who may claim."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    sponsor = models.CharField(max_length=100, blank=True)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    per_claim = models.PositiveSmallIntegerField(default=2, help_text="Keys per maintainer.")
    offer_days = models.PositiveSmallIntegerField(
        default=7, help_text="How long available keys are held for the next person on the waitlist."
    )
    policy = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="campaigns")
    key_models = models.ManyToManyField("inventory.KeyModel", related_name="campaigns")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closes_at__gt=models.F("opens_at")), name="opens_before_it_closes"
            ),
            models.CheckConstraint(condition=Q(per_claim__gte=1), name="a_claim_holds_a_key"),
            models.CheckConstraint(condition=Q(offer_days__gte=1), name="an_offer_lasts_a_day"),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyAdoption(models.Model):
    """A campaign's switch to another policy, and who made it."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="adoptions")
    before = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)

    class Meta:
        triggers = append_only("adoptions")
