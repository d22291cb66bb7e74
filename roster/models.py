"""The roster's tables: who maintains what, how well they are protected, and what was decided about them.

Facts are appended (snapshots, receipts, designations, observations, decisions) and the database refuses to
change them; projects, accounts and roles are the state those facts add up to.
"""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Lower


def append_only_roster() -> list[pgtrigger.Trigger]:
    return [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    def latest_of(self, kind: str) -> "Snapshot | None":
        """The snapshot of this kind that was received last, without its table."""
        latest = self.filter(kind=kind, receipts__isnull=False).order_by(
            "-receipts__taken_at", "-receipts__pk"
        )
        return latest.defer("content").first()


class Snapshot(models.Model):
    """One imported file, known by what is in it: the same bytes again are the same snapshot.

    A download list keeps its table (project, downloads; most downloaded first) as Parquet, so that every
    machine can designate from it without a row for each project of the index.
    """

    class Kind(models.TextChoices):
        DOWNLOADS = "downloads"
        ROLES = "roles"
        ACCOUNTS = "accounts"

    kind = models.CharField(max_length=16, choices=Kind)
    source = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()
    taken_at = models.DateTimeField()
    imported_by = models.CharField(max_length=150)
    window_start = models.DateField(null=True, blank=True)
    window_end = models.DateField(null=True, blank=True)
    content = models.BinaryField(null=True, blank=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "sha256"], name="same_file_is_one_snapshot"),
            models.CheckConstraint(
                condition=Q(kind="downloads", content__isnull=False) | ~Q(kind="downloads") & Q(content=None),
                name="download_lists_keep_their_table",
            ),
            models.CheckConstraint(
                condition=Q(window_start=None, window_end=None)
                | Q(window_start__isnull=False, window_end__isnull=False, window_start__lte=F("window_end")),
                name="snapshot_window_has_start_and_end",
            ),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="sha256_is_a_digest"),
        ]
        triggers = append_only_roster()

    def __str__(self) -> str:
        return f"{self.kind} {self.source} {self.sha256[:12]}"


class Receipt(models.Model):
    """A snapshot was received: once when it was new, and again whenever the same file came in.

    An index that did not change sends the same file every day; the roster is as fresh as its last receipt.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="receipts")
    taken_at = models.DateTimeField()
    imported_by = models.CharField(max_length=150)

    class Meta:
        triggers = append_only_roster()


class ProjectQuerySet(models.QuerySet["Project"]):
    def critical(self) -> "ProjectQuerySet":
        """Projects designated at any time: critical is for ever."""
        return self.filter(critical_since__isnull=False)


class Project(models.Model):
    """A project that is critical or has roles on record. The long tail of the index has no rows."""

    normalized_name = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    critical_since = models.DateField(null=True, blank=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        constraints = [
            # Not `unique=True` on the field: that would add an index for LIKE, which nobody asks.
            models.UniqueConstraint(fields=["normalized_name"], name="one_project_per_normalized_name"),
            models.CheckConstraint(
                condition=Q(normalized_name__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
                name="project_name_is_normalized",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="critical_is_for_ever",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__critical_since__isnull=False)
                & pgtrigger.Q(old__critical_since__df=pgtrigger.F("new__critical_since")),
            ),
            pgtrigger.Protect(
                name="critical_stays",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__critical_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Designation(models.Model):
    """Why a project is critical, and since when; the first time for each reason.

    The database does not check the two keys row by row, which would double the time that designating
    thousands takes: triggers keep critical projects and snapshots from being deleted, and `verify` looks.
    """

    class Reason(models.TextChoices):
        TOP_DOWNLOADS = "top_downloads"
        ALWAYS = "always"
        BY_HAND = "by_hand"
        INHERITED = "inherited"

    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        related_name="designations",
        db_index=False,
        db_constraint=False,
    )
    reason = models.CharField(max_length=16, choices=Reason)
    designated_on = models.DateField()
    rank = models.PositiveIntegerField(null=True, blank=True)
    downloads = models.PositiveBigIntegerField(null=True, blank=True)
    snapshot = models.ForeignKey(
        Snapshot,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="designations",
        db_index=False,
        db_constraint=False,
    )
    note = models.CharField(max_length=255, blank=True)
    designated_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "reason"], name="one_designation_per_reason"),
            models.CheckConstraint(
                condition=~Q(reason="top_downloads")
                | Q(rank__isnull=False, downloads__isnull=False, snapshot__isnull=False),
                name="top_downloads_names_rank_and_snapshot",
            ),
            models.CheckConstraint(condition=~Q(reason="by_hand", note=""), name="by_hand_says_why"),
        ]
        triggers = append_only_roster()


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
        """The account of this name, however it is capitalised; at most one."""
        return self.of_lower_name(username.lower())

    def of_lower_name(self, lower_username: str) -> "AccountQuerySet":
        """`named`, for who has the name in small letters already."""
        return self.annotate(lower_username=Lower("username")).filter(lower_username=lower_username)

    def with_address(self, email: str) -> "AccountQuerySet":
        """The accounts at this e-mail address, however it is capitalised."""
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
        max_length=64, blank=True, default="", db_default="", help_text="Mail comes in its working hours."
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
    """What an account's two-factor authentication was: when first seen, and after each change."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="two_factor_observations")
    has_totp = models.BooleanField()
    has_webauthn = models.BooleanField()
    observed_at = models.DateTimeField()
    snapshot = models.ForeignKey(
        Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="two_factor_observations"
    )

    class Meta:
        indexes = [models.Index(fields=["account", "observed_at"], name="observation_by_account")]
        triggers = append_only_roster()


class ProjectRoleQuerySet(models.QuerySet["ProjectRole"]):
    def live(self) -> "ProjectRoleQuerySet":
        """Roles that the last snapshot still lists."""
        return self.filter(ended_on=None)


class ProjectRole(models.Model):
    """A role of an account on a project. One that vanishes from the roster is ended, not deleted."""

    class Role(models.TextChoices):
        OWNER = "Owner"
        MAINTAINER = "Maintainer"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="roles")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="roles")
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


class PolicyQuerySet(models.QuerySet["Policy"]):
    def published(self) -> "PolicyQuerySet":
        return self.filter(status=Policy.Status.PUBLISHED)


class Policy(models.Model):
    """A version of the rules. Drafts change; a published version never does."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"

    version = models.CharField(max_length=64, unique=True)
    document = models.JSONField()
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    effective_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.CharField(max_length=150, blank=True)
    drafted_at = models.DateTimeField(null=True, blank=True)
    drafted_by = models.CharField(max_length=150, blank=True, default="", db_default="")

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="published")
                | Q(effective_at__isnull=False, published_at__isnull=False) & ~Q(published_by=""),
                name="published_policy_says_when_and_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | ~Q(drafted_by=F("published_by")),
                name="who_drafts_does_not_publish",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "published"]), name="policy_is_draft_or_published"
            ),
            models.CheckConstraint(
                condition=Q(version=KT("document__version")), name="policy_version_is_its_documents"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="published_never_changes",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="published"),
            )
        ]

    def __str__(self) -> str:
        return self.version


class Decision(models.Model):
    """What was decided about an account: every verdict, the facts, and where the facts came from."""

    class Outcome(models.TextChoices):
        ELIGIBLE = "eligible"
        INELIGIBLE = "ineligible"
        REVIEW = "review"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="decisions")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="decisions")
    campaign = models.CharField(
        max_length=50,
        blank=True,
        db_default="",
        default="",
        help_text="What it was asked for, by its slug: all the roster knows of campaigns.",
    )
    outcome = models.CharField(max_length=16, choices=Outcome)
    headline = models.CharField(max_length=64, blank=True)
    verdicts = models.JSONField()
    facts = models.JSONField()
    decided_at = models.DateTimeField()
    roles_snapshot = models.ForeignKey(
        Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    accounts_snapshot = models.ForeignKey(
        Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        indexes = [models.Index(fields=["account", "decided_at"], name="decision_by_account")]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["eligible", "ineligible", "review"]), name="decision_has_an_outcome"
            ),
            models.CheckConstraint(
                condition=Q(outcome="eligible", headline="") | ~Q(outcome="eligible") & ~Q(headline=""),
                name="headline_unless_eligible",
            ),
        ]
        triggers = append_only_roster()

    def as_document(self) -> dict[str, object]:
        """The decision as the API and the commands give it."""
        return {
            "outcome": self.outcome,
            "policy": self.policy.version,
            "headline": self.headline or None,
            "verdicts": self.verdicts,
        }


# The tables of what people say and staff decide; Django finds models here.
from roster.papers import (  # noqa: E402, F401
    AccountEvent,
    Appeal,
    Delegation,
    Disclaimer,
    HeldList,
    PolicyException,
    PolicyPreview,
    ProjectEvent,
)
