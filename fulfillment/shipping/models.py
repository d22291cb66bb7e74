"""Parcels, the purchases of their labels, what carriers say of them, and the cases that need a person."""

import uuid
from functools import partial

import pgtrigger
from django.db import models
from django.db.models import Q

from config.codes import new_code
from config.triggers import append_only
from fulfillment.shipping.rules.cases import CaseReason
from fulfillment.shipping.rules.states import (
    DEAD_PURCHASE_STATES,
    PURCHASE_TRANSITIONS,
    SHIPMENT_TRANSITIONS,
    PurchaseState,
    ShipmentState,
)

_new_shipment_code = partial(new_code, "S")
_new_case_code = partial(new_code, "K")


class Shipment(models.Model):
    """One parcel of one claim."""

    code = models.CharField(max_length=20, unique=True, default=_new_shipment_code)
    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="shipments")
    state = models.CharField(max_length=20, choices=ShipmentState, default=ShipmentState.PLANNED)
    units = models.ManyToManyField("inventory.Unit", related_name="shipments")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Split parcels (issue of one key per country) will number them; until then a claim has one.
            models.UniqueConstraint(
                fields=["claim"],
                condition=~Q(state=ShipmentState.CANCELLED),
                name="one_live_shipment_per_claim",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="shipments_follow_the_table",
                field="state",
                transitions=sorted(
                    (str(a), str(b)) for a in SHIPMENT_TRANSITIONS for b in SHIPMENT_TRANSITIONS[a]
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class LabelPurchase(models.Model):
    """The intent to buy one label and what became of it (the protocol of docs/decisions on purchases).

    The row is committed before the first call, the vendor's id before the purchase, and a purchase whose
    outcome is unknown is resolved by asking for that id; never by buying on another.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="purchases")
    generation = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=20, choices=PurchaseState, default=PurchaseState.PLANNED)
    mode = models.CharField(max_length=20)
    vendor_shipment_id = models.CharField(max_length=40, null=True, unique=True)  # noqa: DJ001 - unique
    rate_id = models.CharField(max_length=40, blank=True)
    carrier = models.CharField(max_length=40, blank=True)
    service = models.CharField(max_length=60, blank=True)
    rate_cents = models.PositiveIntegerField(null=True)
    price_cap_cents = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default="USD")
    promised_days = models.PositiveSmallIntegerField(help_text="From hand-over to the door.")
    incoterm = models.CharField(max_length=3, help_text="Who pays duties; said on parcels that need customs.")
    buy_attempts = models.PositiveSmallIntegerField(default=0)
    buy_started_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(
        null=True, help_text="When the vendor was last asked what became of it."
    )
    lease_owner = models.CharField(max_length=60, blank=True)
    lease_until = models.DateTimeField(null=True)
    label_id = models.CharField(max_length=40, blank=True)
    label_url = models.URLField(max_length=500, blank=True)
    label_sha256 = models.CharField(max_length=64, blank=True)
    tracking_code = models.CharField(max_length=60, blank=True)
    tracker_id = models.CharField(max_length=40, blank=True)
    cost_cents = models.PositiveIntegerField(null=True)
    last_error = models.CharField(max_length=80, blank=True, help_text="The vendor's code, never its text.")
    created_at = models.DateTimeField()
    bought_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["shipment"],
                condition=~Q(state__in=sorted(DEAD_PURCHASE_STATES)),
                name="one_live_purchase_per_shipment",
            ),
            models.UniqueConstraint(fields=["shipment", "generation"], name="purchases_are_numbered"),
            models.UniqueConstraint(
                fields=["carrier", "tracking_code"],
                condition=Q(state=PurchaseState.BOUGHT),
                name="one_live_label_per_tracking_code",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[PurchaseState.CREATED, PurchaseState.BUYING, PurchaseState.BOUGHT])
                | Q(vendor_shipment_id__isnull=False),
                name="no_purchase_without_the_vendors_id",
            ),
            models.CheckConstraint(
                condition=~Q(state=PurchaseState.BOUGHT)
                | (~Q(tracking_code="") & ~Q(label_id="") & Q(cost_cents__isnull=False)),
                name="bought_labels_have_code_and_cost",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                name="purchases_in_doubt",
                condition=Q(state=PurchaseState.BUYING),
            ),
            models.Index(fields=["tracker_id"], name="purchases_by_tracker"),
        ]
        triggers = [
            pgtrigger.FSM(
                name="purchases_follow_the_table",
                field="state",
                transitions=sorted(
                    (str(a), str(b)) for a in PURCHASE_TRANSITIONS for b in PURCHASE_TRANSITIONS[a]
                ),
            ),
            pgtrigger.Protect(name="purchases_stay", operation=pgtrigger.Delete),
        ]

    @property
    def reference(self) -> str:
        """What we call the parcel at the vendor; searchable there, though not unique."""
        return f"kd:{self.mode}:{self.id}"


class TrackingUpdate(models.Model):
    """What a carrier said of a parcel at one moment, as we learned it. The newest applied one counts."""

    purchase = models.ForeignKey(LabelPurchase, on_delete=models.PROTECT, related_name="tracking_updates")
    webhook = models.ForeignKey("fulfillment.Webhook", null=True, on_delete=models.PROTECT)
    status = models.CharField(max_length=40, help_text="The vendor's word; new ones appear without notice.")
    status_detail = models.CharField(max_length=60, blank=True)
    said_at = models.DateTimeField(help_text="When the vendor made the event; the order that counts.")
    scanned_at = models.DateTimeField(null=True, help_text="When the carrier scanned the parcel, as it says.")
    expected_on = models.DateField(null=True)
    is_applied = models.BooleanField()
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["purchase", "-said_at"], name="tracking_newest_first")]
        triggers = append_only("tracking_updates")


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
