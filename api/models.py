"""Tables of the API: tokens (hashed), responses to replay, call counts."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self, now: datetime) -> "ApiTokenQuerySet":
        return self.filter(expires_at__gt=now, revoked_at__isnull=True)


class ApiToken(models.Model):
    """An API token. The secret is shown once; only its digest is stored."""

    # The name is the actor in ledger rows, which are never erased: it names a role, never a person.
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
        """The caller's name in the ledger and in events."""
        return f"token:{self.name}"


class IdempotentRequest(models.Model):
    """A POST with an Idempotency-Key, and its response.

    `fingerprint` is a keyed hash of method, path and body. Bodies contain addresses, so neither they nor a
    plain hash of them may be stored here. The stored responses never contain an address.
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
    """Calls of one caller in the current window.

    The table is unlogged (migration 0001): it is written on every call, and losing it in a crash is harmless.
    """

    caller = models.CharField(max_length=40, primary_key=True)
    window_start = models.DateTimeField()
    calls = models.PositiveIntegerField()
