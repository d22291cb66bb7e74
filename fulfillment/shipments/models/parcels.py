"""Parcels, their keys, the purchases of their labels, and tracking updates."""

import uuid
from functools import partial

import pgtrigger
from django.db import models
from django.db.models import Q

from common.public_ids import new_code
from common.triggers import append_only
from fulfillment.shipments.rules.states import (
    DEAD_PURCHASE_STATES,
    PURCHASE_TRANSITIONS,
    SHIPMENT_TRANSITIONS,
    PurchaseState,
    ShipmentState,
)

_new_shipment_code = partial(new_code, "S")


class Shipment(models.Model):
    """One parcel of one claim."""

    code = models.CharField(max_length=20, unique=True, default=_new_shipment_code)
    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="shipments")
    state = models.CharField(max_length=20, choices=ShipmentState.choices(), default=ShipmentState.PLANNED)
    number = models.PositiveSmallIntegerField(
        default=1, help_text="Some countries admit one key per parcel, so a claim may have several."
    )
    warehouse = models.ForeignKey(
        "inventory.Warehouse",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The warehouse that packs and sends it.",
    )
    units = models.ManyToManyField("inventory.Unit", through="ParcelUnit", related_name="shipments")
    approved_cents = models.PositiveIntegerField(
        null=True, blank=True, help_text="Postage approved above the region's ceiling, in US cents."
    )
    has_customs = models.BooleanField(default=False, help_text="Whether it has a customs declaration.")
    export_filing = models.CharField(
        max_length=20, blank=True, help_text="The number (ITN) of an export filing, where one is needed."
    )
    pick_list = models.ForeignKey(
        "PickList", null=True, blank=True, on_delete=models.PROTECT, related_name="shipments"
    )
    seal_number = models.CharField(
        max_length=20, blank=True, help_text="Number of the seal, printed on the slip."
    )
    sealed_at = models.DateTimeField(null=True, blank=True)
    sealed_by = models.CharField(max_length=72, blank=True)
    manifest = models.ForeignKey(
        "Manifest", null=True, blank=True, on_delete=models.PROTECT, related_name="shipments"
    )
    handed_over_at = models.DateTimeField(
        null=True, blank=True, help_text="When we handed it to the carrier; the carrier's scan comes later."
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "number"],
                condition=~Q(state=ShipmentState.CANCELLED),
                name="one_live_parcel_per_claim_and_number",
            ),
            models.UniqueConstraint(
                fields=["seal_number"], condition=~Q(seal_number=""), name="one_parcel_per_seal"
            ),
            models.CheckConstraint(
                condition=Q(sealed_at__isnull=True) | (~Q(seal_number="") & ~Q(sealed_by="")),
                name="sealed_parcels_have_their_seal",
            ),
            models.CheckConstraint(
                condition=Q(handed_over_at__isnull=True) | Q(manifest__isnull=False),
                name="handed_over_with_a_manifest",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="parcels_by_state"),
            # The desk's worklists, oldest first.
            models.Index(
                fields=["created_at", "id"], name="parcels_to_pack", condition=Q(state=ShipmentState.LABELLED)
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


class ParcelUnit(models.Model):
    """One key of a parcel, and when and by whom it was picked and packed."""

    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="contents")
    unit = models.ForeignKey("inventory.Unit", on_delete=models.PROTECT, related_name="+")
    picked_at = models.DateTimeField(null=True)
    picked_by = models.CharField(max_length=72, blank=True)
    packed_at = models.DateTimeField(null=True)
    packed_by = models.CharField(max_length=72, blank=True)

    class Meta:
        # The name of the many-to-many table that this model replaced.
        db_table = "shipping_shipment_units"
        constraints = [
            models.UniqueConstraint(fields=["shipment", "unit"], name="a_key_is_in_a_parcel_once"),
        ]


class LabelPurchaseQuerySet(models.QuerySet["LabelPurchase"]):
    def outbound(self) -> "LabelPurchaseQuerySet":
        """Labels of outgoing parcels; return labels are excluded."""
        return self.filter(is_return=False)

    def returns(self) -> "LabelPurchaseQuerySet":
        """Return labels, with which maintainers send keys back."""
        return self.filter(is_return=True)


class LabelPurchase(models.Model):
    """The intent to buy one label, and its outcome (the protocol is in docs/decisions on purchases).

    The row is committed before the first call, the vendor's id before the purchase. A purchase whose
    outcome is unknown is resolved by retrieving that id, never by buying under another.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="purchases")
    generation = models.PositiveSmallIntegerField(default=1)
    is_return = models.BooleanField(default=False, help_text="Whether it is a return label.")
    state = models.CharField(max_length=20, choices=PurchaseState.choices(), default=PurchaseState.PLANNED)
    mode = models.CharField(max_length=20)
    vendor_shipment_id = models.CharField(max_length=40, null=True, unique=True)  # noqa: DJ001 - unique
    rate_id = models.CharField(max_length=40, blank=True)
    carrier = models.CharField(max_length=40, blank=True)
    carrier_account = models.CharField(
        max_length=40,
        blank=True,
        help_text="The vendor's id of our carrier account; a form is for one account.",
    )
    service = models.CharField(max_length=60, blank=True)
    rate_cents = models.PositiveIntegerField(null=True)
    price_cap_cents = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default="USD")
    promised_days = models.PositiveSmallIntegerField(help_text="From hand-over to delivery.")
    incoterm = models.CharField(max_length=3, help_text="Who pays duties, for customs declarations.")
    rate_why = models.CharField(max_length=300, blank=True, help_text="How the rate was chosen.")
    insured_cents = models.PositiveIntegerField(default=0, help_text="Bought with the label; 0: none.")
    premium_cents = models.PositiveIntegerField(default=0, help_text="The part of the cost for insurance.")
    buy_attempts = models.PositiveSmallIntegerField(default=0)
    buy_started_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True, help_text="When the vendor was last asked for its state.")
    lease_owner = models.CharField(max_length=60, blank=True)
    lease_until = models.DateTimeField(null=True)
    label_id = models.CharField(max_length=40, blank=True)
    label_url = models.URLField(max_length=500, blank=True)
    label_sha256 = models.CharField(max_length=64, blank=True)
    tracking_code = models.CharField(max_length=60, blank=True)
    tracker_id = models.CharField(max_length=40, blank=True)
    refund_attempts = models.PositiveSmallIntegerField(default=0)
    cost_cents = models.PositiveIntegerField(null=True)
    last_error = models.CharField(max_length=80, blank=True, help_text="The vendor's code, never its text.")
    created_at = models.DateTimeField()
    bought_at = models.DateTimeField(null=True)

    objects = LabelPurchaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["shipment", "is_return"],
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
            # For scanned labels, whose tracking code does not say which carrier it belongs to.
            models.Index(
                fields=["tracking_code"], name="purchases_by_tracking_code", condition=~Q(tracking_code="")
            ),
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
        """Our reference for the parcel at the vendor; searchable there, but not unique."""
        return f"kd:{self.mode}:{self.id}"


class TrackingUpdate(models.Model):
    """One tracking status received for a parcel. The newest applied one decides the parcel's state."""

    purchase = models.ForeignKey(LabelPurchase, on_delete=models.PROTECT, related_name="tracking_updates")
    webhook = models.ForeignKey("fulfillment.Webhook", null=True, on_delete=models.PROTECT)
    status = models.CharField(max_length=40, help_text="The vendor's status; new ones appear without notice.")
    status_detail = models.CharField(max_length=60, blank=True)
    said_at = models.DateTimeField(help_text="When the vendor created the event; updates are ordered by it.")
    scanned_at = models.DateTimeField(null=True, help_text="When the carrier scanned the parcel.")
    expected_on = models.DateField(null=True)
    is_applied = models.BooleanField()
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["purchase", "-said_at"], name="tracking_newest_first")]
        triggers = append_only("tracking_updates")
