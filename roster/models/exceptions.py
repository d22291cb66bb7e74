"""Policy exceptions: one rule lifted for one person until a date, approved by two members of staff."""

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q

from roster.models.shared import ACTOR_LENGTH


class PolicyExceptionQuerySet(models.QuerySet["PolicyException"]):
    def in_force(self, now: datetime) -> "PolicyExceptionQuerySet":
        return self.filter(granted_at__lte=now, expires_at__gt=now, ended_at=None)

    def awaiting_a_second_name(self, now: datetime) -> "PolicyExceptionQuerySet":
        return self.filter(granted_at=None, ended_at=None, expires_at__gt=now)


class PolicyException(models.Model):
    """One rule lifted for one account, with reason and expiry: requested by one member of staff, granted by
    another."""

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="exceptions")
    rule = models.CharField(max_length=64)
    reason = models.CharField(max_length=300, help_text="The person reads it.")
    requested_by = models.CharField(max_length=ACTOR_LENGTH)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    granted_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    granted_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Refused before, or revoked after.")
    ended_because = models.CharField(max_length=300, blank=True)

    objects = PolicyExceptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="an_exception_says_why"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("requested_at")), name="an_exception_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(granted_at=None, granted_by="")
                | Q(granted_at__isnull=False) & ~Q(granted_by="") & ~Q(granted_by=F("requested_by")),
                name="an_exception_needs_a_second_name",
            ),
            models.UniqueConstraint(
                fields=["account", "rule"],
                condition=Q(ended_at=None, granted_at=None),
                name="one_request_for_an_exception_at_a_time",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="exceptions_stay", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="granted_exceptions_only_end",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__granted_at__isnull=False)
                & (
                    pgtrigger.Q(old__rule__df=pgtrigger.F("new__rule"))
                    | pgtrigger.Q(old__account__df=pgtrigger.F("new__account"))
                    | pgtrigger.Q(old__expires_at__df=pgtrigger.F("new__expires_at"))
                    | pgtrigger.Q(old__granted_by__df=pgtrigger.F("new__granted_by"))
                    | pgtrigger.Q(old__requested_by__df=pgtrigger.F("new__requested_by"))
                ),
            ),
        ]
