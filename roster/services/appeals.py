"""Appeals: a maintainer asks for a review, staff answer, and a granted appeal becomes an exception."""

from datetime import datetime

from django.db import IntegrityError, transaction

from common.errors import BadRequest, FieldError
from roster.errors import AlreadyAsked, UnknownRecord
from roster.models import LONGEST_TEXT, Account, Appeal, Decision
from roster.rules import NEVER_LIFTED, RULES
from roster.services.events import record_event
from roster.services.exceptions import request_exception


def make_appeal(
    *, account: Account, rule: str, text: str, actor: str, now: datetime, decision: Decision | None = None
) -> Appeal:
    """Appeal against a rule.

    Raises: BadRequest: an unknown rule, one that cannot be lifted, or no text.
            AlreadyAsked: an appeal about this rule waits for its answer.
    """
    problems = []
    if rule not in RULES or rule in NEVER_LIFTED:
        problems.append(
            FieldError("rule", "not_appealable", "Choose one of the rules that can be looked at again.")
        )
    if not text.strip():
        problems.append(FieldError("text", "required", "Enter a reason."))
    elif len(text) > LONGEST_TEXT:
        problems.append(FieldError("text", "too_long", f"Please use up to {LONGEST_TEXT} letters."))
    if problems:
        raise BadRequest(problems)
    try:
        with transaction.atomic():
            appeal = Appeal.objects.create(
                account=account, rule=rule, text=text.strip(), decision=decision, created_at=now
            )
            record_event(account.pk, "appealed", actor=actor, now=now, appeal=appeal.pk, rule=rule)
    except IntegrityError as error:
        if "one_open_appeal_per_rule" not in str(error):
            raise
        raise AlreadyAsked(f"another look at {rule}") from None
    return appeal


def grant_appeal(*, appeal_id: int, answer: str, expires_at: datetime, actor: str, now: datetime) -> Appeal:
    """Grant an appeal: the exception is requested in the answerer's name and waits for a second person.

    Raises: UnknownRecord: no open appeal. BadRequest: no answer, or an expiry that has passed.
    """
    return _answer(appeal_id, answer=answer, actor=actor, now=now, expires_at=expires_at)


def decline_appeal(*, appeal_id: int, answer: str, actor: str, now: datetime) -> Appeal:
    """Decline an appeal with a reason. Raises: UnknownRecord: no open appeal. BadRequest: no answer."""
    return _answer(appeal_id, answer=answer, actor=actor, now=now, expires_at=None)


def _answer(appeal_id: int, *, answer: str, actor: str, now: datetime, expires_at: datetime | None) -> Appeal:
    if not answer.strip() or len(answer) > 300:
        raise BadRequest(
            [FieldError("answer", "required", "Answer in up to 300 letters; the person reads it.")]
        )
    with transaction.atomic():
        appeal = _open(appeal_id)
        if expires_at is not None:
            appeal.exception = request_exception(
                account_id=appeal.account_id,
                rule=appeal.rule,
                reason=answer,
                expires_at=expires_at,
                actor=actor,
                now=now,
            )
        appeal.state = Appeal.State.DECLINED if expires_at is None else Appeal.State.GRANTED
        appeal.answer, appeal.answered_by, appeal.answered_at = answer.strip(), actor, now
        appeal.save(update_fields=["state", "answer", "answered_by", "answered_at", "exception"])
        record_event(
            appeal.account_id,
            f"appeal_{appeal.state}",
            actor=actor,
            now=now,
            appeal=appeal.pk,
            rule=appeal.rule,
        )
    return appeal


def withdraw_appeal(*, appeal_id: int, account: Account, actor: str, now: datetime) -> Appeal:
    """Withdraw an appeal. Raises: UnknownRecord: no open appeal of this account."""
    with transaction.atomic():
        appeal = _open(appeal_id, account)
        appeal.state = Appeal.State.WITHDRAWN
        appeal.save(update_fields=["state"])
        record_event(account.pk, "appeal_withdrawn", actor=actor, now=now, appeal=appeal.pk, rule=appeal.rule)
    return appeal


def forget_appeals(*, account_id: int) -> int:
    """Erase the text of a person's appeals; the appeals and their outcomes stay."""
    return Appeal.objects.filter(account_id=account_id).exclude(text="").update(text="")


def _open(appeal_id: int, account: Account | None = None) -> Appeal:
    waiting = Appeal.objects.select_for_update().filter(pk=appeal_id, state=Appeal.State.OPEN)
    appeal = (waiting if account is None else waiting.filter(account=account)).first()
    if appeal is None:
        raise UnknownRecord("open appeal")
    return appeal
