"""Exceptions that somebody works, and all that was done about each."""

from functools import partial

from django.db import models
from django.db.models import Q

from common.public_ids import new_code
from common.triggers import append_only
from fulfillment.shipments.models.parcels import Shipment
from fulfillment.shipments.rules.cases import CaseAction, CaseReason, Cause

_new_case_code = partial(new_code, "K")


class Case(models.Model):
    """An exception somebody works: why, by when, whose it is, and how it ended."""

    Reason = CaseReason

    code = models.CharField(max_length=20, unique=True, default=_new_case_code)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="cases")
    reason = models.CharField(max_length=30, choices=CaseReason.choices())
    cause = models.CharField(max_length=40, choices=Cause.choices(), default=Cause.UNKNOWN)
    detail = models.CharField(max_length=200, blank=True, help_text="Codes and amounts; no personal data.")
    owner = models.CharField(max_length=72, blank=True, help_text="Who works on it; empty: unassigned.")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=72, blank=True)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["shipment", "reason"],
                condition=Q(closed_at__isnull=True),
                name="one_open_case_per_reason",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | ~Q(outcome=""), name="closed_cases_have_an_outcome"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="open_cases_by_due_time", condition=Q(closed_at=None)),
        ]

    def __str__(self) -> str:
        return self.code


class CaseEntry(models.Model):
    """One thing that was done about a case. Append-only; `data` holds codes and amounts, nothing personal."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="entries")
    action = models.CharField(max_length=20, choices=CaseAction.choices())
    actor = models.CharField(max_length=72)
    at = models.DateTimeField()
    note = models.CharField(max_length=500, blank=True, help_text="Staff's words; no name and no address.")
    data = models.JSONField(default=dict)

    class Meta:
        triggers = append_only("case_entries")
