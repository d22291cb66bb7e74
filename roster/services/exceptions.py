"""Exceptions: one rule lifted for one person for a limited time, approved by two members of staff."""

from datetime import datetime

from django.db import IntegrityError, transaction

from common.errors import BadRequest, FieldError
from roster.errors import AlreadyAsked, SecondPersonNeeded, UnknownRecord
from roster.models import Account, PolicyException
from roster.rules import NEVER_LIFTED, RULES
from roster.services.events import record_event


def request_exception(
    *, account_id: int, rule: str, reason: str, expires_at: datetime, actor: str, now: datetime
) -> PolicyException:
    """Request that a rule is lifted for a person; another member of staff must grant it.

    Raises: BadRequest: an unknown rule or one that cannot be lifted, no reason, an expiry in the past.
            AlreadyAsked: an identical request is waiting for approval.
    """
    problems = []
    if rule not in RULES:
        problems.append(FieldError("rule", "unknown_rule", f"There is no rule {rule!r}."))
    elif rule in NEVER_LIFTED:
        problems.append(FieldError("rule", "never_lifted", f"No exception lifts {rule}."))
    if not reason.strip() or len(reason) > 300:
        problems.append(
            FieldError("reason", "required", "Enter a reason of up to 300 characters. The person sees it.")
        )
    if expires_at <= now:
        problems.append(FieldError("expires_at", "in_the_past", "Choose a time in the future."))
    if problems:
        raise BadRequest(problems)
    try:
        with transaction.atomic():
            made = PolicyException.objects.create(
                account_id=account_id,
                rule=rule,
                reason=reason.strip(),
                requested_by=actor,
                requested_at=now,
                expires_at=expires_at,
            )
            record_event(
                account_id, "exception_requested", actor=actor, now=now, exception=made.pk, rule=rule
            )
    except IntegrityError as error:
        if "one_request_for_an_exception_at_a_time" not in str(error):
            raise
        raise AlreadyAsked(f"an exception from {rule}") from None
    return made


def grant_exception(*, exception_id: int, actor: str, now: datetime) -> PolicyException:
    """Approve as the second person; until the exception expires the rule passes for this person.

    Locks:  the account's row, so that no claim is decided during the change; the exception's row.
    Raises: UnknownRecord: none that waits for approval. SecondPersonNeeded: the actor requested it.
    """
    with transaction.atomic():
        waiting = _locked(exception_id, now)
        if actor == waiting.requested_by:
            raise SecondPersonNeeded("this exception")
        waiting.granted_by, waiting.granted_at = actor, now
        waiting.save(update_fields=["granted_by", "granted_at"])
        record_event(
            waiting.account_id,
            "exception_granted",
            actor=actor,
            now=now,
            exception=waiting.pk,
            rule=waiting.rule,
            requested_by=waiting.requested_by,
            expires_at=waiting.expires_at.isoformat(),
        )
    return waiting


def end_exception(*, exception_id: int, because: str, actor: str, now: datetime) -> PolicyException:
    """Refuse a requested exception, or revoke a granted one.

    Raises: UnknownRecord: none that is open. BadRequest: no reason.
    """
    if not because.strip() or len(because) > 300:
        raise BadRequest([FieldError("because", "required", "Enter a reason of up to 300 characters.")])
    with transaction.atomic():
        open_one = PolicyException.objects.select_for_update().filter(pk=exception_id, ended_at=None).first()
        if open_one is None:
            raise UnknownRecord("open exception")
        open_one.ended_at, open_one.ended_by, open_one.ended_because = now, actor, because.strip()
        open_one.save(update_fields=["ended_at", "ended_by", "ended_because"])
        name = "exception_revoked" if open_one.granted_at else "exception_refused"
        record_event(
            open_one.account_id, name, actor=actor, now=now, exception=open_one.pk, rule=open_one.rule
        )
    return open_one


def _locked(exception_id: int, now: datetime) -> PolicyException:
    waiting = PolicyException.objects.awaiting_a_second_name(now).filter(pk=exception_id)
    account = waiting.values_list("account_id", flat=True).first()
    if account is not None:
        list(Account.objects.select_for_update(no_key=True).filter(pk=account))
    found = waiting.select_for_update().first()
    if found is None:
        raise UnknownRecord("exception that waits for a second name")
    return found
