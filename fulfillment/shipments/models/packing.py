"""Pick lists, and the scans of packing."""

from functools import partial

from django.db import models
from django.db.models import Q

from common.public_ids import new_code
from common.triggers import append_only
from fulfillment.shipments.models.parcels import Shipment
from inventory.rules import ACTOR_PATTERN

_new_pick_list_code = partial(new_code, "P")


class PickList(models.Model):
    """Parcels of one warehouse whose keys are picked in one walk, by one person at a time."""

    code = models.CharField(max_length=20, unique=True, default=_new_pick_list_code)
    warehouse = models.ForeignKey(
        "inventory.Warehouse", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_by = models.CharField(max_length=72)
    created_at = models.DateTimeField()
    picker = models.CharField(max_length=72, blank=True, help_text="The person it is assigned to, if any.")
    taken_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(picker="") | Q(taken_at__isnull=False), name="taken_lists_say_when"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class ScanVerb(models.TextChoices):
    PICK = "pick", "taken from its bin"
    PACK = "pack", "put into its parcel"
    SEAL = "seal", "parcel sealed"
    UNDO = "undo", "taken back"


class FloorScan(models.Model):
    """One scan that took effect, under the idempotency key of its sender. Append-only.

    A scan sent twice with the same key takes effect once; `answer` is the response that was returned.
    """

    Verb = ScanVerb

    key = models.CharField(max_length=80)
    verb = models.CharField(max_length=10, choices=ScanVerb)
    shipment = models.ForeignKey(Shipment, null=True, on_delete=models.PROTECT, related_name="scans")
    unit = models.ForeignKey(
        "inventory.Unit", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    scanned = models.CharField(max_length=200, help_text="The scanned text, to detect a reused key.")
    answer = models.JSONField(default=dict)
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")
    actor = models.CharField(max_length=72)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], name="one_scan_per_key"),
            models.CheckConstraint(
                condition=(Q(verb=ScanVerb.UNDO) & Q(undoes__isnull=False))
                | (~Q(verb=ScanVerb.UNDO) & Q(undoes__isnull=True)),
                name="an_undo_undoes_something",
            ),
            models.CheckConstraint(
                condition=Q(actor__regex=ACTOR_PATTERN), name="floor_actor_is_a_role_not_an_address"
            ),
        ]
        triggers = append_only("floor_scans")
