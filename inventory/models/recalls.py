"""Recalls, and the units each one affects."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from inventory.ledger.triggers import RECALL_GUARDS, RECALLED_UNIT_GUARDS
from inventory.models.ledger import Unit
from inventory.rules import ACTOR_PATTERN


class RecallQuerySet(models.QuerySet["Recall"]):
    def open(self) -> Self:
        return self.filter(lifted_at__isnull=True)


class Recall(models.Model):
    """Keys that must not be given out, selected by criteria; `criteria` as in `rules.Criteria`."""

    code = models.CharField(max_length=20)
    why = models.CharField(max_length=500)
    criteria = models.JSONField()
    opened_by = models.CharField(max_length=72)
    opened_at = models.DateTimeField()
    lifted_by = models.CharField(max_length=72, null=True)  # noqa: DJ001 - null is nobody
    lifted_at = models.DateTimeField(null=True)

    objects = RecallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code"], name="one_recall_per_code"),
            models.CheckConstraint(
                name="recall_is_not_lifted_by_who_opened_it",
                condition=Q(lifted_by__isnull=True) | ~Q(lifted_by=F("opened_by")),
            ),
            models.CheckConstraint(
                name="lifted_recall_names_who_lifted_it",
                condition=Q(lifted_by__isnull=True, lifted_at__isnull=True)
                | Q(lifted_by__isnull=False, lifted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="recall_actors_are_roles",
                condition=Q(opened_by__regex=ACTOR_PATTERN)
                & (Q(lifted_by__isnull=True) | Q(lifted_by__regex=ACTOR_PATTERN)),
            ),
        ]
        triggers = RECALL_GUARDS

    def __str__(self) -> str:
        return self.code


class RecalledUnit(models.Model):
    """A unit affected by a recall, and its account when the recall was applied. Append-only."""

    recall = models.ForeignKey(Recall, on_delete=models.PROTECT, related_name="units")
    unit = models.ForeignKey("inventory.Unit", on_delete=models.PROTECT, related_name="recalls")
    account = models.CharField(max_length=12)
    held_for = models.CharField(max_length=80, null=True)  # noqa: DJ001 - null is nobody
    replaced_by = models.ForeignKey(
        Unit, null=True, on_delete=models.PROTECT, related_name="+", help_text="What its holder got instead"
    )
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recall", "unit"], name="one_row_per_recall_and_unit"),
        ]
        triggers = RECALLED_UNIT_GUARDS
