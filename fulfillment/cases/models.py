"""Support cases: exceptions that staff work on, and their entries."""

from functools import partial

import pgtrigger
from django.db import models
from django.db.models import Q

from common.public_ids import new_code
from common.triggers import append_only
from fulfillment.cases.rules.causes import Cause
from fulfillment.cases.rules.playbooks import CaseAction, playbook
from fulfillment.cases.rules.reasons import CaseKind, CaseReason

_new_case_code = partial(new_code, "K")


class CaseQuerySet(models.QuerySet["Case"]):
    def open(self) -> "CaseQuerySet":
        return self.filter(closed_at__isnull=True)

    def of_kind(self, kind: CaseKind) -> "CaseQuerySet":
        return self.filter(kind=kind)


class Case(models.Model):
    """An exception about a shipment or a payment: its reason, due time, owner and outcome."""

    Reason = CaseReason

    code = models.CharField(max_length=20, unique=True, default=_new_case_code)
    kind = models.CharField(max_length=10, choices=CaseKind.choices())
    shipment = models.ForeignKey(
        "shipping.Shipment", null=True, blank=True, on_delete=models.PROTECT, related_name="cases"
    )
    payment = models.ForeignKey(
        "payments.Payment", null=True, blank=True, on_delete=models.PROTECT, related_name="cases"
    )
    about = models.CharField(
        max_length=80,
        blank=True,
        help_text="For payments: the provider's id the case is about, or the code of our payment or refund.",
    )
    reason = models.CharField(max_length=30, choices=CaseReason.choices())
    cause = models.CharField(max_length=40, choices=Cause.choices(), default=Cause.UNKNOWN)
    detail = models.CharField(max_length=300, blank=True, help_text="Codes and amounts; no personal data.")
    owner = models.CharField(max_length=72, blank=True, help_text="The person who works on the case, if any.")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=72, blank=True)
    outcome = models.CharField(max_length=200, blank=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                # `payment` may be null: a payment case can be about a charge without a payment of ours.
                condition=Q(kind=CaseKind.SHIPMENT, shipment__isnull=False, payment__isnull=True, about="")
                | Q(kind=CaseKind.PAYMENT, shipment__isnull=True) & ~Q(about=""),
                name="cases_are_about_their_kind",
            ),
            models.UniqueConstraint(
                fields=["shipment", "reason"],
                condition=Q(kind=CaseKind.SHIPMENT, closed_at__isnull=True),
                name="one_open_case_per_shipment_and_reason",
            ),
            models.UniqueConstraint(
                fields=["about", "reason"],
                condition=Q(kind=CaseKind.PAYMENT, closed_at__isnull=True),
                name="one_open_case_per_payment_and_reason",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | ~Q(outcome=""), name="closed_cases_have_an_outcome"
            ),
        ]
        indexes = [
            models.Index(
                fields=["kind", "due_at", "id"],
                name="open_cases_by_kind_and_due",
                condition=Q(closed_at__isnull=True),
            ),
            models.Index(
                fields=["about", "reason"],
                name="payment_cases_by_subject",
                condition=Q(kind=CaseKind.PAYMENT),
            ),
        ]
        triggers = [pgtrigger.Protect(name="cases_stay", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.code

    @property
    def actions(self) -> tuple[CaseAction, ...]:
        """The actions the playbook offers for this case, open or closed."""
        return playbook(CaseKind(self.kind), CaseReason(self.reason))


class CaseEntry(models.Model):
    """One action on a case. Append-only; `data` has codes and amounts, no personal data."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="entries")
    action = models.CharField(max_length=20, choices=CaseAction.choices())
    actor = models.CharField(max_length=72)
    at = models.DateTimeField()
    note = models.CharField(max_length=500, blank=True, help_text="Written by staff; no name and no address.")
    data = models.JSONField(default=dict)

    class Meta:
        triggers = append_only("case_entries")
