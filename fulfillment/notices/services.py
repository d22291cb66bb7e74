"""Queue a message in the transaction that causes it; send it once, from a job."""

import hashlib
import logging
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from config.jobs import wake
from fulfillment.notices.models import Notice

logger = logging.getLogger("keydesk.notices")

SEND_NOTICES = "notices.send_notices"
# The pause doubles from five minutes to some ten hours; a mail server's weekend is outlived.
MAX_ATTEMPTS = 12
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=10)


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
    notice = Notice(
        key=once or f"{template}:{claim_code}",
        account_id=account_id,
        template=template,
        claim_code=claim_code,
        context=context or {},
        created_at=now,
        due_at=now,
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    wake(SEND_NOTICES)


def send_notices(*, now: datetime) -> int:
    """Mail every notice that is due, oldest first; how many left.

    One that cannot leave holds up no other. Over one connection to the mail server.
    """
    sent = 0
    due = Notice.objects.due(now).order_by("id").values_list("pk", flat=True)
    with get_connection() as outbox:
        for notice_id in list(due):
            try:
                sent += send_notice(notice_id=notice_id, now=now, outbox=outbox)
            except (OSError, SMTPException) as error:
                logger.warning("Notice %s could not leave: %s", notice_id, type(error).__name__)
    return sent


def send_notice(*, notice_id: int, now: datetime, outbox: Any = None) -> bool:
    """Mail one notice if it is due; whether it was mailed now.

    The attempt is committed before the mail leaves, and the mail's Message-ID is the notice's own: if the
    process dies in between, the repeat is the same mail to the receiving side.
    Locks: none held; the conditional update that puts it off says who may mail it.
    Raises: OSError, SMTPException: the mail server refused; it is due again after a pause, until after
            MAX_ATTEMPTS it counts as failed.
    """
    if not _put_off(notice_id, now=now):
        return False
    notice = Notice.objects.select_related("account").get(pk=notice_id)
    mail = compose(notice)
    mail.connection = outbox
    try:
        mail.send()
    except (OSError, SMTPException):
        if notice.attempts >= MAX_ATTEMPTS:
            Notice.objects.filter(pk=notice_id).update(failed_at=now)
        raise
    Notice.objects.filter(pk=notice_id).update(sent_at=now, subject=mail.subject, body=mail.body)
    return True


def _put_off(notice_id: int, *, now: datetime) -> bool:
    """Count an attempt and put the next one off; whether this process may make it."""
    attempts = Notice.objects.filter(pk=notice_id).values_list("attempts", flat=True).first()
    if attempts is None:
        return False
    pause = min(FIRST_PAUSE * 2**attempts, LONGEST_PAUSE)
    mine = Notice.objects.due(now).filter(pk=notice_id, attempts=attempts)
    return mine.update(attempts=attempts + 1, due_at=now + pause) == 1


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
