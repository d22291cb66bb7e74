"""Waves: sets of maintainers invited together; and who was admitted when everybody was last looked at."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import Q

from common.triggers import append_only


class Wave(models.Model):
    """A cohort, invited together from a day on, each member in the working hours of where they are."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="waves")
    name = models.CharField(max_length=100)
    cohort = models.JSONField(help_text="Whom it takes: ranks, projects, countries or usernames.")
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


class Invitation(models.Model):
    """One member of a wave: in one wave of a campaign at most, and invited once."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="invitations")
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="invitations")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="invitations")
    invited_at = models.DateTimeField(null=True, blank=True)
    was_mailed = models.BooleanField(default=False, help_text="Not who asked not to be written to.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account"], name="in_one_wave_of_a_campaign"),
        ]


class Standing(models.Model):
    """Whether somebody was admitted when everybody was last looked at: what "newly" is measured against."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="standings")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="standings")
    is_admitted = models.BooleanField()
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account"], name="one_standing_in_a_campaign"),
        ]


class PolicyAdoption(models.Model):
    """A campaign took up another policy: which before, which after, by whom."""

    campaign = models.ForeignKey("claims.Campaign", on_delete=models.PROTECT, related_name="adoptions")
    before = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)

    class Meta:
        triggers = append_only("adoptions")


def invited_accounts(campaign: models.Model, accounts: Collection[int], now: datetime) -> set[int]:
    """Of these accounts, those whose invitation has gone out."""
    invited = Invitation.objects.filter(campaign_id=campaign.pk, account__in=accounts, invited_at__lte=now)
    return set(invited.values_list("account_id", flat=True))
