"""What the door keeps: tokens (hashed), answers to repeat, and how often somebody called."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self, now: datetime) -> "ApiTokenQuerySet":
        return self.filter(expires_at__gt=now, revoked_at__isnull=True)


class ApiToken(models.Model):
    """A secret that lets a program in. The secret is shown once; only its digest is kept."""

    # The name is part of the actor of ledger rows, which outlive every erasure: a role, never a person.
    name = models.CharField(max_length=58, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(
        null=True, blank=True, help_text="To the hour; see tokens.authenticate."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(name__regex=r"^[A-Za-z0-9_.-]{1,58}$"), name="token_names_fit_an_actor"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="tokens_expire_after_they_are_made"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def actor(self) -> str:
        """How the ledger and the events name this caller."""
        return f"token:{self.name}"


class IdempotentRequest(models.Model):
    """A POST that came with an Idempotency-Key, and what it was answered.

    `fingerprint` is a keyed hash of method, path and body: bodies hold addresses, so neither they nor
    a plain hash of them may stand here. The answers repeated from here never hold an address.
    """

    caller = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="one_request_per_caller_and_key"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, status__isnull=True)
                | Q(finished_at__isnull=False, status__isnull=False),
                name="finished_requests_have_an_answer",
            ),
        ]
        indexes = [models.Index(fields=["started_at"], name="idempotent_by_start")]


class CallCount(models.Model):
    """How often one caller came in the current window; one row a caller.

    The table is unlogged (migration 0001): losing these counts in a crash costs nothing, and writing
    them on every call must cost next to nothing.
    """

    caller = models.CharField(max_length=40, primary_key=True)
    window_start = models.DateTimeField()
    calls = models.PositiveIntegerField()
