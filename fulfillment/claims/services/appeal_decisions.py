"""Answers to appeals: recorded in the roster, with the notice to the person, in one transaction.

A granted appeal is an exception that needs a second approver, so the person is notified when that approval is
given or refused, not before: an answer is sent once.
"""

from datetime import datetime

from django.db import transaction

from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from roster.models import Appeal, PolicyException
from roster.services import appeals, exceptions


def decline_appeal_and_notify(*, appeal_id: int, answer: str, actor: str, now: datetime) -> Appeal:
    """Decline an appeal, with the reason.

    Raises: UnknownRecord: no open appeal. BadRequest: no answer.
    After commit: the person is emailed the answer.
    """
    with transaction.atomic():
        appeal = appeals.decline_appeal(appeal_id=appeal_id, answer=answer, actor=actor, now=now)
        _notify(appeal, granted=False, answer=appeal.answer, now=now)
    return appeal


def grant_exception_and_notify(*, exception_id: int, actor: str, now: datetime) -> PolicyException:
    """Give the second approval of an exception; the rule passes from now on.

    Raises: UnknownRecord: no exception awaits approval. SecondPersonNeeded: the actor requested it.
    After commit: the person who appealed for it is emailed the answer.
    """
    with transaction.atomic():
        granted = exceptions.grant_exception(exception_id=exception_id, actor=actor, now=now)
        if appeal := _appeal_of(granted):
            _notify(appeal, granted=True, answer=appeal.answer, now=now)
    return granted


def end_exception_and_notify(
    *, exception_id: int, because: str, actor: str, now: datetime
) -> PolicyException:
    """Refuse a pending exception, or revoke a granted one.

    Raises: UnknownRecord: no open exception. BadRequest: no reason.
    After commit: the person who appealed for a refused one is emailed the reason.
    """
    with transaction.atomic():
        ended = exceptions.end_exception(exception_id=exception_id, because=because, actor=actor, now=now)
        if ended.granted_at is None and (appeal := _appeal_of(ended)):
            _notify(appeal, granted=False, answer=ended.ended_because, now=now)
    return ended


def _appeal_of(exception: PolicyException) -> Appeal | None:
    return Appeal.objects.select_related("account").filter(exception=exception).first()


def _notify(appeal: Appeal, *, granted: bool, answer: str, now: datetime) -> None:
    queue_notice(
        account_id=appeal.account_id,
        template=Notice.Template.APPEAL_ANSWERED,
        context={"granted": granted, "answer": answer},
        once=f"appeal_answered:{appeal.pk}",
        country=appeal.account.country,
        now=now,
    )
