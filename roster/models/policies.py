"""Policies, their previews, and decisions."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT

from common.triggers import append_only
from roster.models.shared import ACTOR_LENGTH, append_only_rows


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


class PolicyPreview(models.Model):
    """Record that a person previewed a policy's effects; required before publishing a draft."""

    policy = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="previews")
    document = models.JSONField(help_text="The rules as they were when previewed.")
    compared_with = models.CharField(max_length=64, blank=True)
    counts = models.JSONField()
    previewed_by = models.CharField(max_length=ACTOR_LENGTH)
    previewed_at = models.DateTimeField()

    class Meta:
        triggers = append_only("policy_previews")


class Decision(models.Model):
    """A decision on an account: all verdicts, the facts, and the snapshots they came from."""

    class Outcome(models.TextChoices):
        ELIGIBLE = "eligible"
        INELIGIBLE = "ineligible"
        REVIEW = "review"

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="decisions")
    policy = models.ForeignKey("roster.Policy", on_delete=models.PROTECT, related_name="decisions")
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
        "roster.Snapshot", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    accounts_snapshot = models.ForeignKey(
        "roster.Snapshot", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
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
        triggers = append_only_rows()

    def as_document(self) -> dict[str, object]:
        """The decision as JSON, for the API and commands."""
        return {
            "outcome": self.outcome,
            "policy": self.policy.version,
            "headline": self.headline or None,
            "verdicts": self.verdicts,
        }
