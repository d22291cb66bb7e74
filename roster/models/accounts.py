"""Accounts of the index, their two-factor observations, roles and events."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from common.triggers import append_only
from roster.models.shared import ACTOR_LENGTH, append_only_rows


class AccountQuerySet(models.QuerySet["Account"]):
    def of_critical_projects(self) -> "AccountQuerySet":
        """Accounts with a live role on a critical project."""
        return self.filter(
            models.Exists(
                ProjectRole.objects.live().filter(
                    account=models.OuterRef("pk"), project__critical_since__isnull=False
                )
            )
        )

    def named(self, username: str) -> "AccountQuerySet":
        """The account of this name in any capitalisation; at most one."""
        return self.of_lower_name(username.lower())

    def of_lower_name(self, lower_username: str) -> "AccountQuerySet":
        """The same as `named`, for a name in lower case."""
        return self.annotate(lower_username=Lower("username")).filter(lower_username=lower_username)

    def with_address(self, email: str) -> "AccountQuerySet":
        """The accounts with this email address in any capitalisation."""
        return self.annotate(lower_email=Lower("email")).filter(lower_email=email.strip().lower())


class Account(models.Model):
    """An account of the package index, as the roster last saw it."""

    username = models.CharField(max_length=150, unique=True)
    email = models.CharField(max_length=254, blank=True)
    email_verified = models.BooleanField(default=False)
    joined_at = models.DateTimeField(null=True, blank=True)
    is_organization = models.BooleanField(default=False)
    has_totp = models.BooleanField()
    has_webauthn = models.BooleanField()
    two_factor_observed_at = models.DateTimeField()
    opted_out_at = models.DateTimeField(null=True, blank=True)
    email_changed_at = models.DateTimeField(null=True, blank=True)
    country = models.CharField(
        max_length=2, blank=True, default="", db_default="", help_text="As the index or the person says."
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Emails are sent in its working hours.",
    )
    do_not_contact_since = models.DateTimeField(null=True, blank=True, help_text="No invitations from then.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="one_account_per_username_in_any_case"),
            models.CheckConstraint(
                condition=~Q(email="", email_verified=True), name="only_an_address_can_be_verified"
            ),
        ]
        indexes = [models.Index(Lower("email"), name="account_by_email")]

    def __str__(self) -> str:
        return self.username


class TwoFactorObservation(models.Model):
    """An account's two-factor state when first seen, and after each change."""

    account = models.ForeignKey(
        "roster.Account", on_delete=models.PROTECT, related_name="two_factor_observations"
    )
    has_totp = models.BooleanField()
    has_webauthn = models.BooleanField()
    observed_at = models.DateTimeField()
    snapshot = models.ForeignKey(
        "roster.Snapshot",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="two_factor_observations",
    )

    class Meta:
        indexes = [models.Index(fields=["account", "observed_at"], name="observation_by_account")]
        triggers = append_only_rows()


class ProjectRoleQuerySet(models.QuerySet["ProjectRole"]):
    def live(self) -> "ProjectRoleQuerySet":
        """Roles that the last snapshot still lists."""
        return self.filter(ended_on=None)


class ProjectRole(models.Model):
    """A role of an account on a project. One that vanishes from the roster is ended, not deleted."""

    class Role(models.TextChoices):
        OWNER = "Owner"
        MAINTAINER = "Maintainer"

    project = models.ForeignKey("roster.Project", on_delete=models.PROTECT, related_name="roles")
    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="roles")
    role = models.CharField(max_length=16, choices=Role)
    since = models.DateField(null=True, blank=True)
    first_seen_on = models.DateField(
        null=True, blank=True, help_text="When a list first had it; `since` is what the list says of it."
    )
    ended_on = models.DateField(null=True, blank=True)

    objects = ProjectRoleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "account", "role"],
                condition=Q(ended_on=None),
                name="one_live_role_per_project_and_account",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["Owner", "Maintainer"]), name="role_is_owner_or_maintainer"
            ),
        ]
        triggers = [pgtrigger.Protect(name="ended_not_deleted", operation=pgtrigger.Delete)]


class AccountEvent(models.Model):
    """A declaration or decision about an account: its actor, time and record."""

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="events")
    name = models.CharField(max_length=40)
    actor = models.CharField(max_length=ACTOR_LENGTH)
    at = models.DateTimeField()
    data = models.JSONField(default=dict, help_text="Ids, rules and project names; never an address.")

    class Meta:
        indexes = [models.Index(fields=["account", "at"], name="account_events_by_time")]
        triggers = append_only("account_events")
