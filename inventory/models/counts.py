"""Cycle counts: scans in a bin, and differences from the ledger."""

from django.db import models
from django.db.models import F, Q

from inventory.ledger.triggers import COUNT_GUARDS, DIFFERENCE_GUARDS, SCAN_GUARDS


class CountState(models.TextChoices):
    COUNTING = "counting", "being counted"
    COUNTED = "counted", "waits for a second person"
    APPROVED = "approved", "approved"
    CANCELLED = "cancelled", "cancelled"


class Count(models.Model):
    """One count of one bin by one person, approved by another. The counter is not told what to expect."""

    code = models.CharField(max_length=20)
    bin = models.ForeignKey("inventory.Bin", on_delete=models.PROTECT, related_name="counts")
    state = models.CharField(max_length=10, choices=CountState.choices, default=CountState.COUNTING)
    counted_by = models.CharField(max_length=72)
    started_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=72, null=True)  # noqa: DJ001 - null is nobody
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code"], name="one_count_per_code"),
            models.UniqueConstraint(
                fields=["bin"],
                name="one_open_count_per_bin",
                condition=Q(state__in=[CountState.COUNTING, CountState.COUNTED]),
            ),
            models.CheckConstraint(
                name="count_is_not_approved_by_its_counter",
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("counted_by")),
            ),
            models.CheckConstraint(
                name="approved_count_names_its_approver",
                condition=Q(state=CountState.APPROVED, approved_by__isnull=False)
                | (~Q(state=CountState.APPROVED) & Q(approved_by__isnull=True)),
            ),
        ]
        triggers = COUNT_GUARDS

    def __str__(self) -> str:
        return self.code


class Scan(models.Model):
    """One serial scanned in a count, normalised in case and spaces. Append-only."""

    count = models.ForeignKey(Count, on_delete=models.PROTECT, related_name="scans")
    serial = models.CharField(max_length=64)
    scanned_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["count", "serial"], name="one_scan_per_count_and_serial")
        ]
        triggers = SCAN_GUARDS


class DifferenceKind(models.TextChoices):
    MISSING = "missing", "in the books, not scanned"
    UNEXPECTED = "unexpected", "scanned, elsewhere in the books"
    UNKNOWN = "unknown", "scanned, not in the books"


class Difference(models.Model):
    """One key on which count and ledger differed when the count was submitted."""

    count = models.ForeignKey(Count, on_delete=models.PROTECT, related_name="differences")
    serial = models.CharField(max_length=64)
    unit = models.ForeignKey("inventory.Unit", null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=DifferenceKind.choices)
    # These show whether the key has moved since; the approver decides only on current differences.
    movement_count = models.IntegerField(null=True)
    booked_bin = models.ForeignKey("inventory.Bin", null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=12, blank=True, help_text="Given by the approver")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["count", "serial"], name="one_difference_per_count_and_serial")
        ]
        triggers = DIFFERENCE_GUARDS
