"""Key models, lots, units, movements and seals."""

from collections.abc import Iterable
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from inventory.ledger.triggers import (
    KEY_MODEL_GUARDS,
    LOT_GUARDS,
    MOVEMENT_GUARDS,
    SEAL_GUARDS,
    UNIT_GUARDS,
)
from inventory.rules import ACTOR_PATTERN, COMMON_REASONS, HOLDING_ACCOUNTS, MOVES, REFERENCE_PATTERN, Account


def _one_of(*columns: str, values: Iterable[str]) -> str:
    """SQL condition: the columns, joined by spaces, are one of these texts.

    One array constant, because PostgreSQL reads the constraints of a table for each statement:
    as a tree of ORs from Q objects the table of moves would cost a quarter of a millisecond each time.
    """
    texts = ",".join(f'"{value}"' for value in values)
    joined = " || ' ' || ".join(columns)
    return f"({joined}) = ANY ('{{{texts}}}'::text[])"


_TABLE_OF_MOVES = _one_of(
    "from_account",
    "to_account",
    "reason",
    values=sorted(f"{origin} {to} {reason}" for (origin, to), reasons in MOVES.items() for reason in reasons),
)
_HELD_WHERE_UNITS_ARE_HELD = f"(held_for IS NOT NULL) = ({_one_of('account', values=HOLDING_ACCOUNTS)})"


class Connector(models.TextChoices):
    """The connector of a key."""

    USB_A = "usb_a", "USB-A"
    USB_C = "usb_c", "USB-C"


class KeyModel(models.Model):
    """A SKU, with the data that parcels and customs need."""

    sku = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    connector = models.CharField(max_length=8, choices=Connector.choices)
    has_nfc = models.BooleanField()
    weight_g = models.PositiveIntegerField()
    length_mm = models.PositiveIntegerField()
    width_mm = models.PositiveIntegerField()
    height_mm = models.PositiveIntegerField()
    physical_source = models.TextField(blank=True, help_text="Where weight and size come from")
    hs_code = models.CharField(max_length=12, help_text="Six digits or more, without dots")
    hs_source = models.TextField(help_text="The ruling or broker the code comes from")
    origin_country = models.CharField(max_length=2)
    customs_value_cents = models.PositiveIntegerField(help_text="What it would be sold for; never 0")
    currency = models.CharField(max_length=3, default="USD")
    eccn = models.CharField(max_length=16)
    contains_battery = models.BooleanField(default=False)
    aaguids = ArrayField(
        models.UUIDField(), default=list, blank=True, help_text="What its authenticators say they are"
    )
    image = models.CharField(max_length=200, blank=True, help_text="A file among the static ones")
    is_active = models.BooleanField(default=True, help_text='Whether requests for "any" key may get it')
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku"], name="one_key_model_per_sku"),
            models.CheckConstraint(name="sku_is_plain", condition=Q(sku__regex=r"^[A-Z0-9-]{2,40}$")),
            models.CheckConstraint(
                name="key_model_has_weight_and_size",
                condition=Q(weight_g__gt=0, length_mm__gt=0, width_mm__gt=0, height_mm__gt=0),
            ),
            models.CheckConstraint(name="customs_value_is_real", condition=Q(customs_value_cents__gt=0)),
            models.CheckConstraint(name="hs_code_is_digits", condition=Q(hs_code__regex=r"^[0-9]{6,12}$")),
        ]
        triggers = KEY_MODEL_GUARDS

    def __str__(self) -> str:
        return self.sku


class Lot(models.Model):
    """Units received together, with supplier, order, time and receiver."""

    reference = models.CharField(max_length=80)
    key_model = models.ForeignKey(KeyModel, on_delete=models.PROTECT, related_name="lots")
    supplier = models.CharField(max_length=120, blank=True)
    purchase_order = models.CharField(max_length=80, blank=True)
    firmware = models.CharField(max_length=40, blank=True)
    expected_quantity = models.PositiveIntegerField(null=True)
    received_at = models.DateTimeField(help_text="When its first units came in")
    received_by = models.CharField(max_length=72)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="one_lot_per_reference"),
            models.CheckConstraint(
                name="lot_reference_is_plain", condition=Q(reference__regex=REFERENCE_PATTERN)
            ),
        ]
        triggers = LOT_GUARDS

    def __str__(self) -> str:
        return self.reference


class UnitQuerySet(models.QuerySet["Unit"]):
    def available(self) -> Self:
        return self.filter(account=Account.AVAILABLE)

    def held_by(self, holder: str) -> Self:
        return self.filter(held_for=holder)

    def in_lock_order(self) -> Self:
        """The picking order, which is also the order in which units must be locked."""
        return self.order_by("key_model_id", "received_at", "id")


class Unit(models.Model):
    """One physical key and its current account."""

    serial = models.CharField(max_length=64)
    # Neither foreign key has an index, because each index is written at every move of a unit, nor a foreign
    # key constraint: `unit_is_of_its_lots_key_model` checks all units of a delivery at once, and lots
    # are never deleted.
    key_model = models.ForeignKey(
        KeyModel, on_delete=models.PROTECT, related_name="units", db_index=False, db_constraint=False
    )
    lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, related_name="units", db_index=False, db_constraint=False
    )
    received_at = models.DateTimeField(help_text="Orders picking: a lot may come in several deliveries")
    account = models.CharField(max_length=12, default=Account.SUPPLIER)
    held_for = models.CharField(max_length=80, null=True)  # noqa: DJ001 - null is nobody
    movement_count = models.IntegerField(default=0)
    head_hash = models.BinaryField(default=b"", help_text="The hash of the last movement")
    moved_at = models.DateTimeField(null=True, help_text="Standing there since")

    objects = UnitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["serial"], name="one_unit_per_serial"),
            models.CheckConstraint(
                name="unit_is_held_where_units_are_held",
                condition=RawSQL(f"({_HELD_WHERE_UNITS_ARE_HELD})", [], BooleanField()),  # noqa: S611
            ),
        ]
        indexes = [
            # The index for reserving: available units only, in picking order.
            models.Index(
                fields=["key_model", "received_at", "id"],
                name="unit_available_oldest_first",
                condition=Q(account="available"),
            ),
            models.Index(fields=["held_for"], name="unit_held_for", condition=Q(held_for__isnull=False)),
        ]
        triggers = UNIT_GUARDS

    def __str__(self) -> str:
        return self.serial


class Movement(models.Model):
    """A ledger row: one unit moved from one account to another. Inserting it moves the unit.

    Set unit, from_account, to_account, reason, reference, actor and moved_at; the database sets
    the rest. The hash is described in hashing.py.
    """

    # No foreign key constraint: `movement_is_chained` finds and locks the unit, or refuses, and no
    # unit is ever deleted. A second check of each of 100,000 units received would be redundant.
    unit = models.ForeignKey(
        Unit, on_delete=models.PROTECT, related_name="movements", db_index=False, db_constraint=False
    )
    sequence = models.IntegerField(db_default=0)
    from_account = models.CharField(max_length=12)
    to_account = models.CharField(max_length=12)
    reason = models.CharField(max_length=12)
    reference = models.CharField(max_length=80)
    actor = models.CharField(max_length=72)
    moved_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    previous_hash = models.BinaryField(db_default=b"")
    hash = models.BinaryField(db_default=b"")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "sequence"], name="one_movement_per_unit_and_sequence"),
            models.CheckConstraint(
                name="movement_is_in_the_table_of_moves",
                condition=RawSQL(f"({_TABLE_OF_MOVES})", [], BooleanField()),  # noqa: S611
            ),
            models.CheckConstraint(
                name="movement_reference_is_plain", condition=Q(reference__regex=REFERENCE_PATTERN)
            ),
            models.CheckConstraint(
                name="movement_actor_is_a_role_not_an_address", condition=Q(actor__regex=ACTOR_PATTERN)
            ),
        ]
        # Sealing reads a day. Movements are stored in the order of recording, so a BRIN index is enough.
        indexes = [
            BrinIndex(fields=["recorded_at"], name="movement_recorded", autosummarize=True),
            # For the desk's activity log: the newest rows, rows by actor, and rare reasons.
            models.Index(fields=["moved_at", "id"], name="movement_by_time"),
            models.Index(fields=["actor", "moved_at", "id"], name="movement_by_actor"),
            models.Index(
                fields=["reason", "moved_at", "id"],
                name="movement_out_of_the_common",
                condition=~Q(reason__in=sorted(map(str, COMMON_REASONS))),
            ),
        ]
        triggers = MOVEMENT_GUARDS

    def __str__(self) -> str:
        return f"{self.unit_id}/{self.sequence} {self.from_account} → {self.to_account}"


class Seal(models.Model):
    """The seal of a day. Set day, movement_count, root and leaves; the database sets the rest.

    seals.py describes the hash. The leaves, of which the root is computed, show which movement is missing or
    new when a day no longer matches, and proofs are made from them.
    """

    day = models.DateField(unique=True)
    movement_count = models.PositiveIntegerField()
    root = models.BinaryField()
    previous = models.BinaryField(db_default=b"", help_text="The hash of the seal of the day before")
    hash = models.BinaryField(db_default=b"")
    leaves = models.BinaryField(help_text="Unit id, sequence and hash of each movement, 44 bytes each")
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="seal_has_a_leaf_for_each_movement",
                condition=RawSQL("(octet_length(leaves) = 44 * movement_count)", [], BooleanField()),
            ),
        ]
        triggers = SEAL_GUARDS

    def __str__(self) -> str:
        return f"{self.day} {bytes(self.hash).hex()}"
