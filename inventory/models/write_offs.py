"""Write-offs: destruction of keys, approved by a second person."""

from django.db import models
from django.db.models import F, Q

from inventory.ledger.triggers import WRITE_OFF_GUARDS, WRITE_OFF_UNIT_GUARDS
from inventory.rules import ACTOR_PATTERN


class WriteOff(models.Model):
    """Quarantined keys that one person proposes to destroy and another approves. Required by the ledger."""

    code = models.CharField(max_length=20)
    note = models.CharField(max_length=500, blank=True)
    proposed_by = models.CharField(max_length=72)
    proposed_at = models.DateTimeField()
    approved_by = models.CharField(max_length=72, null=True)  # noqa: DJ001 - null is nobody
    approved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code"], name="one_write_off_per_code"),
            models.CheckConstraint(
                name="write_off_has_two_names",
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("proposed_by")),
            ),
            models.CheckConstraint(
                name="write_off_actors_are_roles",
                condition=Q(proposed_by__regex=ACTOR_PATTERN)
                & (Q(approved_by__isnull=True) | Q(approved_by__regex=ACTOR_PATTERN)),
            ),
        ]
        triggers = WRITE_OFF_GUARDS

    def __str__(self) -> str:
        return self.code


class WriteOffUnit(models.Model):
    """One unit of a write-off."""

    write_off = models.ForeignKey(WriteOff, on_delete=models.PROTECT, related_name="lines")
    unit = models.ForeignKey("inventory.Unit", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["write_off", "unit"], name="one_line_per_write_off_and_unit")
        ]
        triggers = WRITE_OFF_UNIT_GUARDS
