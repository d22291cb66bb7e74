"""Claims on parcel insurance, and the insurer's decisions."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from fulfillment.cases.models import Case
from fulfillment.shipments.models.parcels import LabelPurchase
from fulfillment.shipments.rules.insurance_claims import (
    DEAD_INSURANCE_STATES,
    INSURANCE_TRANSITIONS,
    InsuranceState,
    LossKind,
)
from inventory.rules import ACTOR_PATTERN


class InsuranceClaim(models.Model):
    """The insured value of one label, claimed for a case.

    The row is committed before the claim is sent; if the response is lost, the claim is looked up by its
    tracking code. Attachments (emails, pictures) are not stored.
    """

    State = InsuranceState

    purchase = models.ForeignKey(LabelPurchase, on_delete=models.PROTECT, related_name="insurance_claims")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="insurance_claims")
    kind = models.CharField(max_length=10, choices=LossKind.choices())
    state = models.CharField(max_length=20, choices=InsuranceState.choices(), default=InsuranceState.FILING)
    vendor_claim_id = models.CharField(max_length=40, null=True, unique=True)  # noqa: DJ001 - unique
    requested_cents = models.PositiveIntegerField()
    approved_cents = models.PositiveIntegerField(null=True)
    actor = models.CharField(max_length=72)
    filed_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, help_text="When the insurer was last asked.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purchase"],
                condition=~Q(state__in=sorted(DEAD_INSURANCE_STATES)),
                name="one_live_insurance_claim_per_label",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[InsuranceState.FILING, InsuranceState.FAILED])
                | Q(vendor_claim_id__isnull=False),
                name="claims_with_the_insurer_have_its_id",
            ),
            models.CheckConstraint(
                condition=Q(state=InsuranceState.APPROVED, approved_cents__gt=0)
                | (~Q(state=InsuranceState.APPROVED) & Q(approved_cents__isnull=True)),
                name="approved_claims_alone_have_a_sum",
            ),
            models.CheckConstraint(
                condition=Q(requested_cents__gt=0)
                & (Q(approved_cents__isnull=True) | Q(approved_cents__lte=F("requested_cents"))),
                name="no_more_is_paid_than_was_claimed",
            ),
            models.CheckConstraint(
                condition=Q(actor__regex=ACTOR_PATTERN), name="insurance_actor_is_a_role_not_an_address"
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="insurance_claims_follow_the_table",
                field="state",
                transitions=sorted(
                    (str(a), str(b)) for a in INSURANCE_TRANSITIONS for b in INSURANCE_TRANSITIONS[a]
                ),
            ),
            pgtrigger.Protect(name="insurance_claims_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.vendor_claim_id or f"claim of {self.purchase_id}"
