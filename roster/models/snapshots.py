"""Imported lists (snapshots), their receipts, and lists held for approval."""

from django.db import models
from django.db.models import F, Q

from roster.models.shared import ACTOR_LENGTH, append_only_rows


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    def latest_of(self, kind: str) -> "Snapshot | None":
        """The latest snapshot of this kind, without its table."""
        latest = self.filter(kind=kind, receipts__isnull=False).order_by(
            "-receipts__taken_at", "-receipts__pk"
        )
        return latest.defer("content").first()


class Snapshot(models.Model):
    """One imported file, identified by its content: the same bytes are the same snapshot.

    A download list keeps its table (project, downloads; most downloaded first) as Parquet, so that every
    machine can designate from it without a row for each project of the index.
    """

    class Kind(models.TextChoices):
        DOWNLOADS = "downloads"
        ROLES = "roles"
        ACCOUNTS = "accounts"

    kind = models.CharField(max_length=16, choices=Kind)
    source = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()
    taken_at = models.DateTimeField()
    imported_by = models.CharField(max_length=150)
    window_start = models.DateField(null=True, blank=True)
    window_end = models.DateField(null=True, blank=True)
    content = models.BinaryField(null=True, blank=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "sha256"], name="same_file_is_one_snapshot"),
            models.CheckConstraint(
                condition=Q(kind="downloads", content__isnull=False) | ~Q(kind="downloads") & Q(content=None),
                name="download_lists_keep_their_table",
            ),
            models.CheckConstraint(
                condition=Q(window_start=None, window_end=None)
                | Q(window_start__isnull=False, window_end__isnull=False, window_start__lte=F("window_end")),
                name="snapshot_window_has_start_and_end",
            ),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="sha256_is_a_digest"),
        ]
        triggers = append_only_rows()

    def __str__(self) -> str:
        return f"{self.kind} {self.source} {self.sha256[:12]}"


class Receipt(models.Model):
    """One import of a snapshot: the first, and each later import of the same file.

    An unchanged index sends the same file every day; the roster is as fresh as its last receipt.
    """

    snapshot = models.ForeignKey("roster.Snapshot", on_delete=models.PROTECT, related_name="receipts")
    taken_at = models.DateTimeField()
    imported_by = models.CharField(max_length=150)

    class Meta:
        triggers = append_only_rows()


class HeldList(models.Model):
    """A list that would shrink the roster beyond the limit and needs a second person's approval.

    The file itself is not stored: once approved, it can be imported again, once.
    """

    kind = models.CharField(max_length=16)
    source = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveBigIntegerField()
    rows_before = models.PositiveBigIntegerField()
    held_at = models.DateTimeField()
    held_by = models.CharField(max_length=ACTOR_LENGTH)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    approval_note = models.CharField(max_length=255, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "sha256"], condition=Q(used_at=None), name="one_hold_per_list"
            ),
            models.CheckConstraint(
                condition=Q(approved_at=None, approved_by="", used_at=None)
                | Q(approved_at__isnull=False) & ~Q(approved_by="") & ~Q(approved_by=F("held_by")),
                name="a_held_list_needs_a_second_name",
            ),
        ]
