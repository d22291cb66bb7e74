"""Queue a message in the transaction that causes it; send it once, from a job."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.urls import reverse

from config.jobs import defer
from fulfillment.notices.models import Notice

MAX_ATTEMPTS = 12
ATTEMPT_LASTS = timedelta(minutes=5)


def queue_notice(
    *,
    account_id: int,
    template: Notice.Template,
    now: datetime,
    claim_code: str = "",
    context: dict[str, Any] | None = None,
    once: str | None = None,
) -> None:
    """Say something to a maintainer, once.

    Args:   context: what the text needs besides the claim; never an address or a phone.
            once: what may be said only once; by default this template about this claim.
    After commit: a job mails it.
    """
    notice, is_new = Notice.objects.get_or_create(
        key=once or f"{template}:{claim_code}",
        defaults={
            "account_id": account_id,
            "template": template,
            "claim_code": claim_code,
            "context": context or {},
            "created_at": now,
        },
    )
    if is_new:
        defer("notices.send_notice", notice_id=notice.pk)


def send_notice(*, notice_id: int, now: datetime) -> bool:
    """Mail one notice unless it was mailed already; whether it was mailed now.

    The attempt is committed before the mail leaves, and the mail's Message-ID is the notice's own: if the
    process dies in between, the repeat is the same mail to the receiving side.
    Locks: none held; the conditional update that counts the attempt says who may mail it.
    Raises: OSError, smtplib.SMTPException: the mail server refused; the job tries again.
    """
    mine = (
        Notice.objects.filter(sent_at__isnull=True, failed_at__isnull=True)
        .filter(Q(attempted_at__isnull=True) | Q(attempted_at__lt=now - ATTEMPT_LASTS))
        .filter(pk=notice_id, attempts__lt=MAX_ATTEMPTS)
        .update(attempts=F("attempts") + 1, attempted_at=now)
    )
    if not mine:
        return False
    mail = compose(Notice.objects.select_related("account").get(pk=notice_id))
    try:
        mail.send()
    except Exception:
        Notice.objects.filter(pk=notice_id).update(attempted_at=None)
        raise
    Notice.objects.filter(pk=notice_id).update(sent_at=now, subject=mail.subject, body=mail.body)
    return True


def compose(notice: Notice) -> EmailMultiAlternatives:
    """The mail of a notice: a text and an HTML part that say the same, links of one host only."""
    path = reverse("claims:claim", args=[notice.claim_code]) if notice.claim_code else reverse("claims:home")
    context = {
        **notice.context,
        "username": notice.account.username,
        "claim_code": notice.claim_code,
        "link": settings.SITE_URL + path,
        "host": urlsplit(settings.SITE_URL).netloc,
    }
    name = f"notices/{notice.template}"
    subject = render_to_string(f"{name}.subject.txt", context).strip()
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"{name}.txt", context),
        to=[notice.account.email],
        headers={
            "Message-ID": f"<{hashlib.sha256(notice.key.encode()).hexdigest()[:32]}@{context['host']}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(render_to_string(f"{name}.html", context), "text/html")
    return mail
