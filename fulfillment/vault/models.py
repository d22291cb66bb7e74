"""Encrypted documents, the data key of each subject, and the access log (docs/privacy.md § 2)."""

from datetime import datetime

import pgtrigger
from django.db import models

from common.triggers import append_only


class DataKeyQuerySet(models.QuerySet["DataKey"]):
    def due_for_shredding(self, now: datetime) -> "DataKeyQuerySet":
        return self.filter(shredded_at__isnull=True, shred_after__lte=now)


class HouseholdKey(models.Model):
    """The key for hashing the addresses of one campaign, to compare them without decrypting them.

    `scope` is the campaign's slug. Once the key is shredded, households can no longer be compared.
    """

    scope = models.CharField(max_length=60, unique=True)
    wrapped_key = models.BinaryField(null=True)
    wrapping_key_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    shredded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(shredded_at__isnull=True, wrapped_key__isnull=False)
                | models.Q(shredded_at__isnull=False, wrapped_key__isnull=True),
                name="shredded_household_keys_are_gone",
            ),
        ]
        triggers = [pgtrigger.Protect(name="household_keys_stay_as_rows", operation=pgtrigger.Delete)]


class DataKey(models.Model):
    """The key that encrypts everything held for one claim. Deleting it shreds all of that at once.

    `subject` is the claim's code; the vault knows nothing else of claims. `wrapped_key` is encrypted
    under the key-encryption key named by `wrapping_key_id`. `household` is the keyed hash of the address:
    it outlives the address, and is deleted with its campaign's HouseholdKey.

    This table is backed up separately from all others, and its backups are kept briefly (decision 0050).
    """

    subject = models.CharField(max_length=40, unique=True)
    wrapped_key = models.BinaryField(null=True)
    wrapping_key_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    shred_after = models.DateTimeField(null=True, blank=True)
    shredded_at = models.DateTimeField(null=True, blank=True)
    household_key = models.ForeignKey(
        HouseholdKey, null=True, blank=True, on_delete=models.PROTECT, related_name="households"
    )
    household = models.BinaryField(null=True, blank=True, max_length=32)

    objects = DataKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(shredded_at__isnull=True, wrapped_key__isnull=False)
                | models.Q(shredded_at__isnull=False, wrapped_key__isnull=True),
                name="shredded_keys_are_gone",
            ),
            models.CheckConstraint(
                condition=models.Q(household__isnull=True) | models.Q(household_key__isnull=False),
                name="a_household_is_hashed_under_a_key",
            ),
        ]
        indexes = [
            models.Index(
                fields=["household"],
                name="data_keys_by_household",
                condition=models.Q(household__isnull=False),
            )
        ]
        triggers = [pgtrigger.Protect(name="data_keys_stay_as_rows", operation=pgtrigger.Delete)]


class EncryptedDocument(models.Model):
    """One encrypted document of a subject: AES-256-GCM under its data key, bound to subject and kind."""

    class Kind(models.TextChoices):
        ADDRESS = "address", "postal address"
        LABEL = "label", "shipping label file"

    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=20, choices=Kind)
    name = models.CharField(max_length=60, blank=True, help_text="Distinguishes several labels of a claim.")
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()
    encrypted_at = models.DateTimeField(db_column="sealed_at")

    class Meta:
        # The table and its column kept their former names.
        db_table = "vault_sealeddocument"
        constraints = [
            models.UniqueConstraint(
                fields=["data_key", "kind", "name"], name="one_document_per_kind_and_name"
            ),
        ]


class Opening(models.Model):
    """One access to a document: its actor and purpose. Kept after the document is shredded."""

    class Purpose(models.TextChoices):
        LABEL = "label", "to buy or print the label"
        PACKING = "packing", "to pack the parcel"
        CLAIMANT = "claimant", "shown to the claimant"
        SUPPORT = "support", "to help the claimant"

    subject = models.CharField(max_length=40, db_index=True)
    kind = models.CharField(max_length=20, choices=EncryptedDocument.Kind)
    purpose = models.CharField(max_length=20, choices=Purpose)
    actor = models.CharField(max_length=80)
    opened_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["opened_at", "id"], name="openings_by_time"),
            models.Index(fields=["actor", "opened_at", "id"], name="openings_by_actor"),
        ]
        triggers = append_only("openings")
