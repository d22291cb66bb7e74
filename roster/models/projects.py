"""Projects, their designations, and their events on the index."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_noop as _

from common.triggers import append_only
from roster.models.shared import ACTOR_LENGTH, append_only_rows
from roster.models.snapshots import Snapshot


class ProjectQuerySet(models.QuerySet["Project"]):
    def critical(self) -> "ProjectQuerySet":
        """Projects designated at any time; designations are permanent."""
        return self.filter(critical_since__isnull=False)


class Project(models.Model):
    """A project that is critical or has known roles. Other projects of the index have no rows."""

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
    """Why and since when a project is critical; one row for each reason.

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
        triggers = append_only_rows()


class ProjectEvent(models.Model):
    """An event of a project on the index. It does not change the project's status."""

    class Kind(models.TextChoices):
        DELETED = "deleted", _("vanished from the index")
        RECREATED = "recreated", _("recreated under the same name")
        RENAMED = "renamed", _("got another name")
        TRANSFERRED = "transferred", _("changed all its owners")

    project = models.ForeignKey("roster.Project", on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=Kind)
    on = models.DateField()
    successor = models.ForeignKey(
        "roster.Project", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessors"
    )
    note = models.CharField(max_length=255, blank=True)
    recorded_by = models.CharField(max_length=ACTOR_LENGTH)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="renamed", successor__isnull=False)
                | ~Q(kind="renamed") & Q(successor__isnull=True),
                name="a_rename_names_the_new_project",
            ),
            models.CheckConstraint(
                condition=~Q(successor=F("project")), name="a_rename_is_to_another_project"
            ),
        ]
        triggers = append_only("project_events")
