"""Services for cases of every kind: open, assign, note, act and close."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import models, transaction

from fulfillment.cases.errors import ActionNotAvailable, BadCaseData, CaseTaken, UnknownCase
from fulfillment.cases.models import Case, CaseEntry
from fulfillment.cases.rules.playbooks import CaseAction
from fulfillment.cases.rules.reasons import OPENED_ONCE, REASONS, CaseKind, CaseReason

Record = Callable[[], None]


def open_if_none(*, kind: CaseKind, reason: CaseReason, subject: dict[str, object], **values: object) -> bool:
    """Open a case unless one with this reason and subject is open; return whether one was opened.

    Args:  subject: the fields that identify the subject. values: the other fields of the new case.
    Locks: none; a unique constraint admits one of several concurrent calls.
    """
    assert reason in REASONS[kind], "the reason does not belong to this kind of case"
    known = Case.objects.of_kind(kind).filter(reason=reason, **subject)
    if (known if reason in OPENED_ONCE else known.open()).exists():
        return False
    _, is_new = Case.objects.get_or_create(
        kind=kind, reason=reason, closed_at=None, **subject, defaults=values
    )
    return is_new


def close_case(case: Case, *, outcome: str, actor: str, now: datetime, note: str = "") -> bool:
    """Close an open case and record who closed it and why; return whether it was open."""
    closed = (
        Case.objects.open().filter(pk=case.pk).update(closed_at=now, closed_by=actor, outcome=outcome[:200])
    )
    if closed:
        add_entry(case, CaseAction.CLOSE, actor=actor, note=note, now=now, outcome=str(outcome))
    return bool(closed)


def add_entry(
    case: Case,
    action: CaseAction,
    *,
    actor: str,
    now: datetime,
    note: str = "",
    **data: str | int | list[str],
) -> None:
    """Append an entry for an action."""
    CaseEntry.objects.create(case=case, action=action, actor=actor, at=now, note=note[:500], data=data)


def unaudited() -> None:
    """Write no audit entry; the default for `record`."""


def take_case(
    *, code: str, actor: str, now: datetime, take_over: bool = False, record: Record = unaudited
) -> Case:
    """Become the owner of a case. A case has one owner; `take_over` replaces the current one."""
    with transaction.atomic(durable=True):
        case = _lock_case(code, actor=None if take_over else actor, action=CaseAction.TAKE)
        Case.objects.filter(pk=case.pk).update(owner=actor)
        case.owner = actor
        add_entry(case, CaseAction.TAKE, actor=actor, now=now)
        record()
    return case


def add_note(*, code: str, note: str, actor: str, now: datetime, record: Record = unaudited) -> Case:
    """Add a note; the actor need not own the case. Raises: BadCaseData: an empty note."""
    with transaction.atomic(durable=True):
        case = _lock_case(code, actor=None, action=CaseAction.NOTE)
        if not note.strip():
            raise BadCaseData("note", "Enter a note.")
        add_entry(case, CaseAction.NOTE, actor=actor, note=note.strip(), now=now)
        record()
    return case


@contextmanager
def locked_case(
    code: str,
    action: CaseAction,
    *,
    actor: str,
    record: Record,
    lock_first: models.QuerySet[models.Model] | None = None,
) -> Iterator[Case]:
    """Open a transaction with the case locked; the actor becomes the owner of an unassigned case.

    Args: lock_first: rows to lock before the case, in the order that other services use: the claim of a
              shipment case, or the payment of a payment case.
          record: called last, in the same transaction.
    """
    with transaction.atomic(durable=True):
        if lock_first is not None:
            list(lock_first.order_by("pk").select_for_update(no_key=True))
        case = _lock_case(code, actor=actor, action=action)
        if not case.owner:
            case.owner = actor
            case.save(update_fields=["owner"])
        yield case
        record()


def _lock_case(code: str, *, actor: str | None, action: CaseAction) -> Case:
    case = (
        Case.objects.open()
        .select_related("shipment__claim", "payment")
        .select_for_update(of=("self",), no_key=True)
        .filter(code=code)
        .first()
    )
    if case is None:
        raise UnknownCase(code)
    if actor is not None and case.owner not in ("", actor):
        raise CaseTaken(code, case.owner)
    if action not in case.actions:
        raise ActionNotAvailable(code, action.label, CaseReason(case.reason).label)
    return case
