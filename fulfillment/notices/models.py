"""Every message to a maintainer: queued in the transaction that causes it, mailed once, listed for ever."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_noop as _

from common.triggers import append_only


class NoticeQuerySet(models.QuerySet["Notice"]):
    def due(self, now: datetime) -> "NoticeQuerySet":
        """To be mailed now: new ones, and those whose last attempt came to nothing."""
        return self.filter(sent_at__isnull=True, failed_at__isnull=True, due_at__lte=now)


class Notice(models.Model):
    """One message to one person. Rendered when it is sent; the text is kept without the address sent to."""

    class Template(models.TextChoices):
        INVITATION = "invitation", _("invited to claim")
        REMINDER = "reminder", _("reminded of the invitation")
        NOW_ELIGIBLE = "now_eligible", _("admitted by a new policy")
        APPEAL_ANSWERED = "appeal_answered", _("answer to an appeal")
        CODE = "code", _("sign-in code")
        CONFIRMED = "confirmed", _("claim accepted")
        WAITLISTED = "waitlisted", _("place in line")
        IN_REVIEW = "in_review", _("claim under review")
        PROMOTED = "promoted", _("a key came free")
        REJECTED = "rejected", _("claim not approved")
        CANCELLED = "cancelled", _("claim cancelled")
        EXPIRED = "expired", _("claim expired")
        RECALLED = "recalled", _("keys recalled, back in line")
        REPLACEMENT = "replacement", _("another key instead")
        ASK_ADDRESS = "ask_address", _("address needed for another key")
        SHIPPED = "shipped", _("parcel on its way")
        DELIVERED = "delivered", _("parcel delivered")
        PROBLEM = "problem", _("something is wrong with the parcel")
        RETURN_LABEL = "return_label", _("return label ready to print")
        PAYMENT_DUE = "payment_due", _("keys held until paid")
        PAYMENT_RECEIVED = "payment_received", _("payment received")
        PAYMENT_LAPSED = "payment_lapsed", _("not paid in time")
        REFUNDED = "refunded", _("refunded")

    account = models.ForeignKey("roster.Account", on_delete=models.PROTECT, related_name="notices")
    template = models.CharField(max_length=20, choices=Template)
    claim_code = models.CharField(max_length=40, blank=True, db_index=True)
    context = models.JSONField(default=dict, help_text="What the text needs; never an address or a phone.")
    key = models.CharField(max_length=120, unique=True, help_text="What may be said only once.")
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(help_text="When it may be mailed; later while somebody is mailing it.")
    sent_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    secret = models.BinaryField(null=True, blank=True, help_text="What is mailed and never kept: a code.")
    provider_id = models.CharField(
        max_length=200, blank=True, help_text="The mail provider's id, by which it reports a bounce."
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
    """What a maintainer told us, or their mail server did, about writing to them."""

    account = models.OneToOneField("roster.Account", on_delete=models.PROTECT, related_name="recipient")
    phrase = models.CharField(max_length=60, blank=True, help_text="Shown in every mail, against forgeries.")
    language = models.CharField(max_length=10, blank=True)
    unreachable_at = models.DateTimeField(null=True, blank=True)
    unreachable_address = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of the address that bounced; another one is tried again.",
    )


class Bounce(models.Model):
    """That the mail provider could not deliver a mail, and why, in its normal form. Not the address."""

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="bounces")
    kind = models.CharField(max_length=20, help_text="bounced, rejected or complained.")
    event_id = models.CharField(max_length=200)
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "kind", "event_id"], name="one_bounce_per_report"),
        ]
        triggers = append_only("bounces")
