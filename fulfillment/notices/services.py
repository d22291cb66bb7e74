"""Queue a message in the transaction that causes it; send it once, from a job."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any
from uuid import uuid4

from anymail.exceptions import AnymailError
from django.core.mail import get_connection
from django.db import transaction
from django.db.models import QuerySet

from config.jobs import wake
from fulfillment.notices import secrets
from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.recipients import is_unreachable
from fulfillment.notices.rendering import UNASKED, compose
from fulfillment.notices.rules import Manner, polite_moment
from roster.models import Account

logger = logging.getLogger("keydesk.notices")

SEND_NOTICES = "notices.send_notices"
# The pause doubles from five minutes to some ten hours; a mail server's weekend is outlived.
MAX_ATTEMPTS = 12
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=10)
# A code is asked for again sooner than it is waited for.
CODE_GOOD_FOR = timedelta(minutes=10)
CODE_PAUSE = timedelta(seconds=30)
# What a mail server or provider may answer instead of taking the mail.
REFUSALS = (OSError, SMTPException, AnymailError)

T = Notice.Template
# What may wait until the recipient is up; all else answers something they have just done.
MANNERS = {
    T.INVITATION: Manner.WORKING_DAY,
    T.REMINDER: Manner.WORKING_DAY,
    T.NOW_ELIGIBLE: Manner.WORKING_DAY,
    T.APPEAL_ANSWERED: Manner.BY_DAY,
    T.PROMOTED: Manner.BY_DAY,
    T.SHIPPED: Manner.BY_DAY,
    T.DELIVERED: Manner.BY_DAY,
    T.PROBLEM: Manner.BY_DAY,
    T.RETURN_LABEL: Manner.BY_DAY,
    T.REJECTED: Manner.BY_DAY,
    T.EXPIRED: Manner.BY_DAY,
    T.RECALLED: Manner.BY_DAY,
    T.REPLACEMENT: Manner.BY_DAY,
    T.ASK_ADDRESS: Manner.BY_DAY,
    T.REFUNDED: Manner.BY_DAY,
    T.PAYMENT_LAPSED: Manner.BY_DAY,
}


def queue_notice(
    *,
    account_id: int,
    template: Notice.Template,
    now: datetime,
    claim_code: str = "",
    context: dict[str, Any] | None = None,
    once: str | None = None,
    country: str = "",
) -> None:
    """Say something to a maintainer, once.

    Args:   context: what the letter reads (`letters.py`) besides the claim; never an address or a phone.
            once: what may be said only once; by default this template about this claim.
            country: where they are, as far as known: what can wait is not mailed at night there. The time
            zone the person named for themselves goes before it.
    After commit: a job mails it.
    """
    manner = MANNERS.get(template, Manner.AT_ONCE)
    notice = Notice(
        key=once or f"{template}:{claim_code}",
        account_id=account_id,
        template=template,
        claim_code=claim_code,
        context=context or {},
        created_at=now,
        due_at=now
        if manner == Manner.AT_ONCE
        else polite_moment(now, country=country, time_zone=_time_zone_of(account_id), manner=manner),
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)
    wake(SEND_NOTICES)


def _time_zone_of(account_id: int) -> str:
    return Account.objects.values_list("time_zone", flat=True).get(pk=account_id)


def queue_code(*, account_id: int, code: str, now: datetime) -> None:
    """Mail a sign-in code. It is sealed until then, kept nowhere after, and not mailed once it is too old."""
    Notice.objects.create(
        # Two codes asked for at the same moment are two mails.
        key=f"code:{account_id}:{uuid4()}",
        account_id=account_id,
        template=T.CODE,
        secret=secrets.seal_secret(code),
        created_at=now,
        due_at=now,
    )
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
            except REFUSALS as error:
                logger.warning("Notice %s could not leave: %s", notice_id, type(error).__name__)
    return sent


def send_notice(*, notice_id: int, now: datetime, outbox: Any = None) -> bool:
    """Mail one notice if it is due; whether it was mailed now.

    The attempt is committed before the mail leaves, and the mail's Message-ID is the notice's own: if the
    process dies in between, the repeat is the same mail to the receiving side.
    Locks: none held; the conditional update that puts it off says who may mail it.
    Raises: OSError, SMTPException, AnymailError: the mail server refused; it is due again after a pause,
    until after MAX_ATTEMPTS it counts as failed.
    """
    notice = Notice.objects.select_related("account").filter(pk=notice_id).first()
    if notice is None or not _put_off(notice, now=now):
        return False
    recipient = Recipient.objects.filter(account_id=notice.account_id).first()
    if not _is_worth_mailing(notice, recipient, now=now):
        _give_up(notice_id, now=now)
        return False
    composed = compose(notice, recipient)
    mail = composed.mail
    mail.connection = outbox
    try:
        mail.send()
    except REFUSALS:
        if notice.attempts >= MAX_ATTEMPTS:
            _give_up(notice_id, now=now)
        raise
    Notice.objects.filter(pk=notice_id).update(
        sent_at=now,
        subject=mail.subject,
        body=composed.letter.as_text(),
        secret=None,
        provider_id=_provider_id(mail),
    )
    return True


def _is_worth_mailing(notice: Notice, recipient: Recipient | None, *, now: datetime) -> bool:
    if notice.template == T.CODE and now - notice.created_at >= CODE_GOOD_FOR:
        return False
    return bool(notice.account.email) and not is_unreachable(recipient, notice.account.email)


def _give_up(notice_id: int, *, now: datetime) -> None:
    """It stays listed on the person's page, as not mailed."""
    Notice.objects.filter(pk=notice_id).update(failed_at=now, secret=None)


def _provider_id(mail: Any) -> str:
    """The mail provider's id; empty where none took the mail."""
    status = getattr(mail, "anymail_status", None)
    return str(status.message_id or "")[:200] if status else ""


def _put_off(notice: Notice, *, now: datetime) -> bool:
    """Count an attempt and put the next one off; whether this process may make it."""
    first = CODE_PAUSE if notice.template == T.CODE else FIRST_PAUSE
    pause = min(first * 2**notice.attempts, LONGEST_PAUSE)
    mine = Notice.objects.due(now).filter(pk=notice.pk, attempts=notice.attempts)
    notice.attempts += 1
    return mine.update(attempts=notice.attempts, due_at=now + pause) == 1


def withdraw_unasked(*, account_id: int, now: datetime) -> int:
    """Drop invitations and the like that have not left yet; how many."""
    return _waiting_unasked(account_id).update(failed_at=now)


def _waiting_unasked(account_id: int) -> QuerySet[Notice]:
    return Notice.objects.filter(
        account_id=account_id, template__in=UNASKED, sent_at__isnull=True, failed_at__isnull=True
    )


@transaction.atomic
def forget_messages(*, account_id: int, now: datetime) -> int:
    """Blank the words of all messages to somebody; that and when each was sent stays. How many there were."""
    Notice.objects.filter(account_id=account_id, sent_at__isnull=True, failed_at__isnull=True).update(
        failed_at=now, secret=None
    )
    return Notice.objects.filter(account_id=account_id).update(subject="", body="", context={})
