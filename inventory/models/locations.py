"""Warehouses, their bins, and the transfers between bins."""

from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from inventory.ledger.triggers import TRANSFER_GUARDS
from inventory.rules import ACTOR_PATTERN, REFERENCE_PATTERN


class Warehouse(models.Model):
    """A building where keys are kept, and its ship-from address."""

    code = models.CharField(max_length=20)
    name = models.CharField(max_length=120)
    # The ship-from address, in the same fields as a recipient's. It is on every label.
    contact_name = models.CharField(max_length=100)
    company = models.CharField(max_length=100, blank=True)
    street1 = models.CharField(max_length=100)
    street2 = models.CharField(max_length=100, blank=True)
    city = models.CharField(max_length=100)
    state = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code"], name="one_warehouse_per_code"),
            models.CheckConstraint(
                name="warehouse_code_is_plain", condition=Q(code__regex=r"^[A-Z0-9-]{2,20}$")
            ),
            models.CheckConstraint(
                name="warehouse_country_is_iso", condition=Q(country__regex=r"^[A-Z]{2}$")
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Bin(models.Model):
    """A storage place with a scannable label. Quarantined keys, and no others, are in quarantine bins."""

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="bins")
    code = models.CharField(max_length=20)
    is_quarantine = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["warehouse", "code"], name="one_bin_per_code_and_warehouse"),
            models.CheckConstraint(name="bin_code_is_plain", condition=Q(code__regex=r"^[A-Z0-9-]{1,20}$")),
        ]

    def __str__(self) -> str:
        return f"{self.warehouse.code}/{self.code}"


class TransferReason(models.TextChoices):
    """Why a unit changed bins; the last three are results of a count."""

    PUT_AWAY = "put_away", "put away"
    TRANSFER = "transfer", "moved to another bin"
    FOUND = "found", "found in a count"
    MISCOUNTED = "miscounted", "is there after all"
    DATA_ENTRY = "data_entry", "the books were wrong"


class TransferQuerySet(models.QuerySet["Transfer"]):
    def latest_of_their_units(self) -> Self:
        """The last transfer of each unit, which gives its current bin."""
        later = Transfer.objects.filter(unit=OuterRef("unit"), sequence=OuterRef("sequence") + 1)
        return self.filter(~Exists(later))


class Transfer(models.Model):
    """A unit's change of bin. Append-only; a unit's last one gives its current bin, null meaning none."""

    unit = models.ForeignKey(
        "inventory.Unit", on_delete=models.PROTECT, related_name="transfers", db_index=False
    )
    sequence = models.IntegerField(db_default=0)
    from_bin = models.ForeignKey(Bin, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    to_bin = models.ForeignKey(Bin, null=True, on_delete=models.PROTECT, related_name="transfers_in")
    reason = models.CharField(max_length=12, choices=TransferReason.choices)
    reference = models.CharField(max_length=80)
    actor = models.CharField(max_length=72)
    moved_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    objects = TransferQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "sequence"], name="one_transfer_per_unit_and_sequence"),
            models.CheckConstraint(
                name="transfer_goes_somewhere_else",
                condition=~Q(from_bin=F("to_bin")) | Q(reason=TransferReason.MISCOUNTED),
            ),
            models.CheckConstraint(
                name="transfer_reason_is_known", condition=Q(reason__in=TransferReason.values)
            ),
            models.CheckConstraint(
                name="transfer_reference_is_plain", condition=Q(reference__regex=REFERENCE_PATTERN)
            ),
            models.CheckConstraint(
                name="transfer_actor_is_a_role_not_an_address", condition=Q(actor__regex=ACTOR_PATTERN)
            ),
        ]
        triggers = TRANSFER_GUARDS
