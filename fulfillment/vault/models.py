"""Where addresses live: sealed documents, the data key of each subject, and who opened them (DESIGN § 7)."""

import pgtrigger
from django.db import models

from config.triggers import append_only


class DataKeyQuerySet(models.QuerySet["DataKey"]):
    def due_for_shredding(self, now: object) -> "DataKeyQuerySet":
        return self.filter(shredded_at__isnull=True, shred_after__lte=now)


class DataKey(models.Model):
    """The key that seals everything held for one claim. Deleting it shreds all of that at once.

    `subject` is the claim's code; the vault knows nothing else of claims. `wrapped_key` is encrypted
    under the key-encryption key named by `wrapping_key_id`.
    """

    subject = models.CharField(max_length=40, unique=True)
    wrapped_key = models.BinaryField(null=True)
    wrapping_key_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    shred_after = models.DateTimeField(null=True, blank=True)
    shredded_at = models.DateTimeField(null=True, blank=True)

    objects = DataKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(shredded_at__isnull=True, wrapped_key__isnull=False)
                | models.Q(shredded_at__isnull=False, wrapped_key__isnull=True),
                name="shredded_keys_are_gone",
            ),
        ]
        triggers = [pgtrigger.Protect(name="data_keys_stay_as_rows", operation=pgtrigger.Delete)]


class SealedDocument(models.Model):
    """One encrypted document of a subject: AES-256-GCM under its data key, bound to subject and kind."""

    class Kind(models.TextChoices):
        ADDRESS = "address", "postal address"
        LABEL = "label", "shipping label file"

    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=20, choices=Kind)
    name = models.CharField(max_length=60, blank=True, help_text="Tells several labels of a claim apart.")
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["data_key", "kind", "name"], name="one_document_per_kind_and_name"
            ),
        ]


class Opening(models.Model):
    """That somebody opened a document, and for what. Kept after the document is shredded."""

    class Purpose(models.TextChoices):
        LABEL = "label", "to buy or print the label"
        PACKING = "packing", "to pack the parcel"
        CLAIMANT = "claimant", "shown to the claimant"
        SUPPORT = "support", "to help the claimant"

    subject = models.CharField(max_length=40, db_index=True)
    kind = models.CharField(max_length=20, choices=SealedDocument.Kind)
    purpose = models.CharField(max_length=20, choices=Purpose)
    actor = models.CharField(max_length=80)
    opened_at = models.DateTimeField()

    class Meta:
        triggers = append_only("openings")
