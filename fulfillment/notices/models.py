"""Notices to maintainers: queued in the transaction that causes them, emailed once and listed permanently."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_noop as _

from common.triggers import append_only


class NoticeQuerySet(models.QuerySet["Notice"]):
    def due(self, now: datetime) -> "NoticeQuerySet":
        """To be emailed now: new notices, and those whose last attempt failed."""
        return self.filter(sent_at__isnull=True, failed_at__isnull=True, due_at__lte=now)


class Notice(models.Model):
    """One message to one maintainer. Rendered when it is sent; the text is kept without the email address."""

    class Template(models.TextChoices):
        INVITATION = "invitation", _("invitation to claim")
        REMINDER = "reminder", _("reminder of the invitation")
        NOW_ELIGIBLE = "now_eligible", _("eligible under new rules")
        APPEAL_ANSWERED = "appeal_answered", _("answer to an appeal")
        CODE = "code", _("sign-in code")
        CONFIRMED = "confirmed", _("claim accepted")
        WAITLISTED = "waitlisted", _("place on the waitlist")
        IN_REVIEW = "in_review", _("claim under review")
        PROMOTED = "promoted", _("keys available")
        REJECTED = "rejected", _("claim not approved")
        CANCELLED = "cancelled", _("claim cancelled")
        EXPIRED = "expired", _("claim expired")
        RECALLED = "recalled", _("keys recalled, back on the waitlist")
        REPLACEMENT = "replacement", _("replacement key")
        ASK_ADDRESS = "ask_address", _("address needed for a replacement key")
        SHIPPED = "shipped", _("parcel on its way")
        DELIVERED = "delivered", _("parcel delivered")
        PROBLEM = "problem", _("problem with the parcel")
        RETURN_LABEL = "return_label", _("return label ready")
        PAYMENT_DUE = "payment_due", _("payment due")
        PAYMENT_RECEIVED = "payment_received", _("payment received")
        PAYMENT_LAPSED = "payment_lapsed", _("not paid in time")
        REFUNDED = "refunded", _("refund sent")

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="notices")
    template = models.CharField(max_length=20, choices=Template)
    claim_code = models.CharField(max_length=40, blank=True, db_index=True)
    context = models.JSONField(default=dict, help_text="Values of the text; never an address or a phone.")
    key = models.CharField(max_length=120, unique=True, help_text="Two notices with one key are one notice.")
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(help_text="When it may be sent; moved on while it is being sent.")
    sent_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    secret = models.BinaryField(null=True, blank=True, help_text="Encrypted, emailed and never kept: a code.")
    provider_id = models.CharField(
        max_length=200, blank=True, help_text="The email provider's id, used in its bounce reports."
    )

    objects = NoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                name="notices_due",
                condition=models.Q(sent_at__isnull=True, failed_at__isnull=True),
            ),
            models.Index(
                fields=["provider_id"], name="notices_by_provider", condition=~models.Q(provider_id="")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(secret__isnull=True)
                | models.Q(sent_at__isnull=True, failed_at__isnull=True),
                name="secrets_go_with_the_mail",
            ),
        ]


class Recipient(models.Model):
    """A maintainer's email preferences: phrase and language, and whether their address bounces."""

    account = models.OneToOneField("roster.Account", on_delete=models.PROTECT, related_name="recipient")
    phrase = models.CharField(max_length=60, blank=True, help_text="Shown in every email, against forgeries.")
    language = models.CharField(max_length=10, blank=True)
    unreachable_at = models.DateTimeField(null=True, blank=True)
    unreachable_address = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of the address that bounced; another address is tried again.",
    )


class Bounce(models.Model):
    """A report that the provider could not deliver an email, and why. Does not contain the address."""

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="bounces")
    kind = models.CharField(max_length=20, help_text="bounced, rejected or complained.")
    event_id = models.CharField(max_length=200)
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "kind", "event_id"], name="one_bounce_per_report"),
        ]
        triggers = append_only("bounces")
