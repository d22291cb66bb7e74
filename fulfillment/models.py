"""Vendors' webhooks as they arrived, and what came of each. Shared by shipping and payments."""

from django.db import models

from common.triggers import append_only


class Provider(models.TextChoices):
    EASYPOST = "easypost", "EasyPost"
    STRIPE = "stripe", "Stripe"


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def unworked(self) -> "WebhookQuerySet":
        """Stored and not worked yet, in the order the vendor made them."""
        return self.filter(outcome__isnull=True).order_by("occurred_at", "id")


class Webhook(models.Model):
    """One event of a vendor, stored once under the vendor's id before anything acts on it (I12).

    `body` holds the fields we use and nothing else: vendors repeat names and addresses in their events,
    and no address may stand outside the vault (I9). `body_sha256` is of the bytes that were signed.
    """

    provider = models.CharField(max_length=20, choices=Provider)
    event_id = models.CharField(max_length=80)
    kind = models.CharField(max_length=80, help_text="The vendor's own name, such as tracker.updated.")
    mode = models.CharField(max_length=20)
    occurred_at = models.DateTimeField(help_text="When the vendor says the event was made.")
    received_at = models.DateTimeField()
    body = models.JSONField()
    body_sha256 = models.CharField(max_length=64)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="one_webhook_per_vendor_event"),
        ]
        triggers = append_only("stored_webhooks")

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {self.event_id}"


class WebhookOutcome(models.Model):
    """That a webhook was worked, once, and what it led to."""

    class Result(models.TextChoices):
        APPLIED = "applied", "changed something"
        STALE = "stale", "older than what is known"
        UNKNOWN = "unknown", "about nothing of ours"
        IGNORED = "ignored", "of a kind that changes nothing"
        WRONG_MODE = "wrong_mode", "from the vendor's other mode"

    webhook = models.OneToOneField(Webhook, on_delete=models.PROTECT, related_name="outcome")
    result = models.CharField(max_length=20, choices=Result)
    worked_at = models.DateTimeField()

    class Meta:
        triggers = append_only("webhook_outcomes")


class RefusedWebhook(models.Model):
    """An attempt with a bad signature or an unreadable body: when, and nothing of what it said."""

    provider = models.CharField(max_length=20, choices=Provider)
    refused_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["provider", "refused_at"], name="refusals_by_time")]
