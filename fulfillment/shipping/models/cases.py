"""Exceptions that somebody works."""

from functools import partial

from django.db import models
from django.db.models import Q

from config.codes import new_code
from fulfillment.shipping.models.parcels import Shipment
from fulfillment.shipping.rules.cases import CaseReason

_new_case_code = partial(new_code, "K")


class Case(models.Model):
    """An exception somebody works: why, by when, and how it ended."""

    Reason = CaseReason

    code = models.CharField(max_length=20, unique=True, default=_new_case_code)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="cases")
    reason = models.CharField(max_length=30, choices=CaseReason)
    detail = models.CharField(max_length=200, blank=True, help_text="Codes and amounts; no personal data.")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
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
