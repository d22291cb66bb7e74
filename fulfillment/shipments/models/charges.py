"""Costs of a parcel after its label was bought."""

from django.db import models
from django.db.models import Q

from common.triggers import append_only
from fulfillment.shipments.models.parcels import LabelPurchase
from fulfillment.shipments.rules.charges import BACK, ChargeKind
from inventory.rules import ACTOR_PATTERN


class ParcelCharge(models.Model):
    """A charge or credit for a parcel: a label refund, or a line of a carrier invoice. Append-only."""

    Kind = ChargeKind

    purchase = models.ForeignKey(LabelPurchase, on_delete=models.PROTECT, related_name="charges")
    kind = models.CharField(max_length=20, choices=ChargeKind.choices())
    cents = models.IntegerField(help_text="Minor units of the currency; credits are negative.")
    currency = models.CharField(max_length=3, help_text="ISO 4217")
    bill = models.CharField(
        max_length=40, blank=True, help_text="The carrier invoice's number; empty for refunds."
    )
    actor = models.CharField(max_length=72)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purchase", "kind", "bill"], name="a_bill_charges_a_parcel_once_for_a_thing"
            ),
            models.CheckConstraint(
                condition=(Q(kind__in=sorted(BACK)) & Q(cents__lt=0))
                | (Q(kind=ChargeKind.DUTY) & Q(cents__gt=0))
                | (Q(kind=ChargeKind.ADJUSTMENT) & ~Q(cents=0)),
                name="what_came_back_is_negative",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="charges_have_a_currency"
            ),
            models.CheckConstraint(
                condition=Q(bill="", kind=ChargeKind.LABEL_REFUND)
                | (~Q(bill="") & ~Q(kind=ChargeKind.LABEL_REFUND)),
                name="refunds_alone_need_no_bill",
            ),
            models.CheckConstraint(
                condition=Q(actor__regex=ACTOR_PATTERN), name="charge_actor_is_a_role_not_an_address"
            ),
        ]
        triggers = append_only("parcel_charges")
