"""Waves: maintainers invited to a campaign together, and each one's invitation."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import Q

from fulfillment.claims.models.campaigns import Campaign


class Wave(models.Model):
    """A cohort that is invited together from a date on, each member in the working hours of their country."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="waves")
    name = models.CharField(max_length=100)
    cohort = models.JSONField(help_text="Its criteria: ranks, projects, countries or usernames.")
    invites_at = models.DateTimeField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    started_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "name"], name="waves_have_names_of_their_own"),
            models.CheckConstraint(
                condition=Q(started_at=None) | Q(cancelled_at=None), name="a_wave_that_began_is_not_cancelled"
            ),
        ]


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def accounts_invited(self, campaign: Campaign, accounts: Collection[int], now: datetime) -> set[int]:
        """Of these accounts, those whose invitation to the campaign has been sent."""
        sent = self.filter(campaign=campaign, account__in=accounts, invited_at__lte=now)
        return set(sent.values_list("account_id", flat=True))


class Invitation(models.Model):
    """One member of a wave: in at most one wave per campaign, and invited once."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="invitations")
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="invitations")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="invitations")
    invited_at = models.DateTimeField(null=True, blank=True)
    was_mailed = models.BooleanField(default=False, help_text="False for people who want no emails.")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account"], name="in_one_wave_of_a_campaign"),
        ]
