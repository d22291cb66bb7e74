"""Appointments, audit entries, lost keys and scan sessions."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from common.triggers import append_only
from desk.audit.chain import CHAIN_ENTRY
from desk.roles import Role


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def live(self) -> "AppointmentQuerySet":
        return self.filter(ended_at=None)


class Appointment(models.Model):
    """A role of a member of staff, with start, end and appointer. Ended, never deleted."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="appointments")
    role = models.CharField(max_length=24, choices=Role)
    appointed_at = models.DateTimeField()
    # Empty if appointed by a command on the server, like the first administrator.
    appointed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(ended_at=None), name="a_role_is_held_once"
            ),
            models.CheckConstraint(
                condition=Q(appointed_by=None) | ~Q(appointed_by=F("user")), name="nobody_appoints_themselves"
            ),
            models.CheckConstraint(condition=Q(role__in=sorted(Role)), name="a_role_there_is"),
        ]
        triggers = [pgtrigger.Protect(name="appointments_stay", operation=pgtrigger.Delete)]


class LostKey(models.Model):
    """A report that a member of staff lost their security keys, and its approval by another administrator.

    The keys are removed on approval. Settled once, never deleted.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="lost_keys")
    reason = models.CharField(max_length=300, help_text="How it is known that it is them who ask.")
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reported_at = models.DateTimeField()
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    keys_taken_off = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Empty where it was refused."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(settled_at=None), name="one_lost_key_waits_per_person"
            ),
            models.CheckConstraint(
                condition=~Q(user=F("reported_by"))
                & (Q(settled_by=None) | (~Q(settled_by=F("user")) & ~Q(settled_by=F("reported_by")))),
                name="a_lost_key_takes_two_others",
            ),
            models.CheckConstraint(
                condition=Q(settled_by=None, settled_at=None, keys_taken_off=None)
                | Q(settled_by__isnull=False, settled_at__isnull=False),
                name="a_lost_key_is_settled_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="a_lost_key_has_a_reason"),
        ]
        triggers = [
            pgtrigger.Protect(name="lost_keys_stay", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="lost_keys_are_settled_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__settled_at__isnull=False),
            ),
        ]


class AuditEntry(models.Model):
    """One staff action: actor, action, object, time, reason, and values before and after.

    Entries are chained: the database writes the SHA-256 of the entry and the one before, so that `verify`
    finds entries changed or removed by hand.
    """

    position = models.BigIntegerField(unique=True, db_default=0, help_text="Its place in the chain, from 1")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=64)
    # The object: a kind (claim, unit, policy …) and its public id.
    subject_kind = models.CharField(max_length=32, blank=True)
    subject = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    previous_hash = models.BinaryField(db_default=b"")
    hash = models.BinaryField(db_default=b"")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(fields=["actor", "-at"], name="audit_by_actor"),
            models.Index(fields=["subject", "-at"], name="audit_by_subject"),
            models.Index(fields=["action", "-at"], name="audit_by_action"),
        ]
        triggers = [*append_only("audit_entries"), CHAIN_ENTRY]


class StationStep(models.TextChoices):
    """A step of warehouse work, done with a scanner."""

    RECEIVE = "receive", "Receive"
    PUT_AWAY = "put-away", "Put away"
    PICK = "pick", "Pick"
    PACK = "pack", "Pack"
    COUNT = "count", "Count"
    TAKE_BACK = "take-back", "Returns"


class Station(models.Model):
    """The state of one person's work in one warehouse step: the current item and the last outcomes.

    It is display state, not a record: effects are in the ledger and the stored scans.
    `version` counts the changes and so orders concurrent requests.
    """

    actor = models.CharField(max_length=150)
    step = models.CharField(max_length=10, choices=StationStep)
    hand = models.JSONField(default=dict)
    # The last outcomes, newest first; and the key of the last scan, to recognise a repeat.
    lately = models.JSONField(default=list)
    last_key = models.CharField(max_length=80, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["actor", "step"], name="one_station_per_person_and_step"),
            models.CheckConstraint(condition=Q(step__in=sorted(StationStep)), name="a_step_there_is"),
        ]


def live_roles(*, user_id: int) -> frozenset[Role]:
    """The current roles of a user; one query."""
    held = Appointment.objects.live().filter(user_id=user_id).values_list("role", flat=True)
    return frozenset(Role(role) for role in held)
