"""Queue a notice in the transaction that causes it, and email it once, from a job."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException
from uuid import uuid4

from anymail.exceptions import AnymailError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import QuerySet

from config.jobs import wake
from fulfillment.notices import secrets
from fulfillment.notices.contexts import NoticeContext
from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.recipients import is_unreachable
from fulfillment.notices.rendering import UNSOLICITED, compose_email
from fulfillment.notices.rules import Urgency, earliest_send_time
from roster.models import Account

logger = logging.getLogger("keydesk.notices")

SEND_NOTICES = "notices.send_notices"
# The pause doubles from five minutes to some ten hours, so that a mail server may be down for a weekend.
MAX_ATTEMPTS = 12
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=10)
# People ask for another code sooner than they wait for one, so a code is retried after seconds.
CODE_GOOD_FOR = timedelta(minutes=10)
CODE_PAUSE = timedelta(seconds=30)
# Errors by which a mail server or provider refuses an email.
REFUSALS = (OSError, SMTPException, AnymailError)

T = Notice.Template
# Notices that can wait for a good time of day; all others answer something the recipient has just done.
URGENCIES = {
    T.INVITATION: Urgency.WORKING_DAY,
    T.REMINDER: Urgency.WORKING_DAY,
    T.NOW_ELIGIBLE: Urgency.WORKING_DAY,
    T.APPEAL_ANSWERED: Urgency.BY_DAY,
    T.PROMOTED: Urgency.BY_DAY,
    T.SHIPPED: Urgency.BY_DAY,
    T.DELIVERED: Urgency.BY_DAY,
    T.PROBLEM: Urgency.BY_DAY,
    T.RETURN_LABEL: Urgency.BY_DAY,
    T.REJECTED: Urgency.BY_DAY,
    T.EXPIRED: Urgency.BY_DAY,
    T.RECALLED: Urgency.BY_DAY,
    T.REPLACEMENT: Urgency.BY_DAY,
    T.ASK_ADDRESS: Urgency.BY_DAY,
    T.REFUNDED: Urgency.BY_DAY,
    T.PAYMENT_LAPSED: Urgency.BY_DAY,
}


def queue_notice(
    *,
    account_id: int,
    template: Notice.Template,
    now: datetime,
    claim_code: str = "",
    context: NoticeContext | None = None,
    once: str | None = None,
    country: str = "",
) -> None:
    """Queue a notice to a maintainer, once.

    Args:   context: the values that the template in `messages` reads; never an address or a phone number.
            once: the key under which it is sent only once; by default this template about this claim.
            country: where they are, as far as known: emails that can wait are not sent at night there. A time
            zone that the maintainer chose takes precedence.
    After commit: a job emails it.
    """
    urgency = URGENCIES.get(template, Urgency.AT_ONCE)
    notice = Notice(
        key=once or f"{template}:{claim_code}",
        account_id=account_id,
        template=template,
        claim_code=claim_code,
        context=context or {},
        created_at=now,
        due_at=now
        if urgency == Urgency.AT_ONCE
        else earliest_send_time(now, country=country, time_zone=_time_zone_of(account_id), urgency=urgency),
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    wake(SEND_NOTICES)


def _time_zone_of(account_id: int) -> str:
    return Account.objects.values_list("time_zone", flat=True).get(pk=account_id)


def queue_code(*, account_id: int, code: str, now: datetime) -> None:
    """Email a sign-in code: encrypted until it is sent, then deleted, and not sent once it has expired."""
    Notice.objects.create(
        # Two codes requested at the same moment are two emails.
        key=f"code:{account_id}:{uuid4()}",
        account_id=account_id,
        template=T.CODE,
        secret=secrets.encrypt_secret(code),
        created_at=now,
        due_at=now,
    )
    wake(SEND_NOTICES)


def send_notices(*, now: datetime) -> int:
    """Email every notice that is due, oldest first, over one connection; return how many were sent.

    A notice that cannot be sent does not hold up the others.
    """
    sent = 0
    due = Notice.objects.due(now).order_by("id").values_list("pk", flat=True)
    with get_connection() as connection:
        for notice_id in list(due):
            try:
                sent += send_notice(notice_id=notice_id, now=now, connection=connection)
            except REFUSALS as error:
                logger.warning("notice %s could not be sent: %s", notice_id, type(error).__name__)
    return sent


def send_notice(*, notice_id: int, now: datetime, connection: BaseEmailBackend | None = None) -> bool:
    """Email one notice if it is due; return whether it was sent now.

    The attempt is committed before the email is sent, and the Message-ID is derived from the notice: if the
    process dies in between, the receiving side sees the repeat as the same email.
    Locks: none held; the conditional update that postpones the notice decides who may send it.
    Raises: OSError, SMTPException, AnymailError: the mail server refused; it is due again after a pause,
    until after MAX_ATTEMPTS it counts as failed.
    """
    notice = Notice.objects.select_related("account").filter(pk=notice_id).first()
    if notice is None or not _postpone(notice, now=now):
        return False
    recipient = Recipient.objects.filter(account_id=notice.account_id).first()
    if not _can_be_sent(notice, recipient, now=now):
        _give_up(notice_id, now=now)
        return False
    composed = compose_email(notice, recipient)
    email = composed.email
    email.connection = connection
    try:
        email.send()
    except REFUSALS:
        if notice.attempts >= MAX_ATTEMPTS:
            _give_up(notice_id, now=now)
        raise
    Notice.objects.filter(pk=notice_id).update(
        sent_at=now,
        subject=email.subject,
        body=composed.message.as_text(),
        secret=None,
        provider_id=_provider_id(email),
    )
    return True


def _can_be_sent(notice: Notice, recipient: Recipient | None, *, now: datetime) -> bool:
    if notice.template == T.CODE and now - notice.created_at >= CODE_GOOD_FOR:
        return False
    return bool(notice.account.email) and not is_unreachable(recipient, notice.account.email)


def _give_up(notice_id: int, *, now: datetime) -> None:
    """Mark the notice as failed; it stays listed on the maintainer's page as not sent."""
    Notice.objects.filter(pk=notice_id).update(failed_at=now, secret=None)


def _provider_id(email: EmailMultiAlternatives) -> str:
    """The email provider's id of an email; empty without a provider."""
    status = getattr(email, "anymail_status", None)
    return str(status.message_id or "")[:200] if status else ""


def _postpone(notice: Notice, *, now: datetime) -> bool:
    """Count an attempt and postpone the next one; return whether this process may make the attempt."""
    first = CODE_PAUSE if notice.template == T.CODE else FIRST_PAUSE
    pause = min(first * 2**notice.attempts, LONGEST_PAUSE)
    mine = Notice.objects.due(now).filter(pk=notice.pk, attempts=notice.attempts)
    notice.attempts += 1
    return mine.update(attempts=notice.attempts, due_at=now + pause) == 1


def withdraw_unsolicited(*, account_id: int, now: datetime) -> int:
    """Drop invitations and the like that have not been sent yet; return how many."""
    return _waiting_unsolicited(account_id).update(failed_at=now)


def _waiting_unsolicited(account_id: int) -> QuerySet[Notice]:
    return Notice.objects.filter(
        account_id=account_id, template__in=UNSOLICITED, sent_at__isnull=True, failed_at__isnull=True
    )


@transaction.atomic
def forget_messages(*, account_id: int, now: datetime) -> int:
    """Blank the text of all messages to a maintainer, but not the dates; return how many there were."""
    Notice.objects.filter(account_id=account_id, sent_at__isnull=True, failed_at__isnull=True).update(
        failed_at=now, secret=None
    )
    return Notice.objects.filter(account_id=account_id).update(subject="", body="", context={})
