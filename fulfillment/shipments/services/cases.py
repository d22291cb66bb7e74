"""Cases: opened by whoever finds something wrong, and told to the maintainer at once where they must wait."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from fulfillment.claims.models import Claim
from fulfillment.claims.services.shipment_callbacks import ACTOR, report_problem
from fulfillment.shipments.errors import CaseTaken, NotInThePlaybook, UnknownCase
from fulfillment.shipments.models import Case, CaseEntry, LabelPurchase, Shipment
from fulfillment.shipments.rules.cases import (
    TOLD,
    CaseAction,
    CaseOutcome,
    CaseReason,
    cause_of,
    due_in_region,
    playbook,
)

Record = Callable[[], None]


def open_case(*, shipment: Shipment, reason: CaseReason, now: datetime, detail: str = "") -> bool:
    """Open a case unless one of this reason is open; whether one was opened.

    Args:  detail: codes and amounts, never personal data.
    Locks: none; the constraint lets one of several through.
    After commit: the maintainer is told, where the case makes them wait.
    """
    if Case.objects.filter(shipment=shipment, reason=reason, closed_at=None).exists():
        return False
    newest = LabelPurchase.objects.outbound().filter(shipment=shipment).order_by("-generation")
    _, is_new = Case.objects.get_or_create(
        shipment=shipment,
        reason=reason,
        closed_at=None,
        defaults={
            "cause": cause_of(reason, detail),
            "detail": detail[:200],
            "opened_at": now,
            "due_at": due_in_region(
                reason, now, promised_days=newest.values_list("promised_days", flat=True).first()
            ),
        },
    )
    if is_new and reason in TOLD:
        claim = Claim.objects.get(pk=shipment.claim_id)
        report_problem(claim, problem=TOLD[reason], now=now)
    return is_new


def settle_cases(*, shipment: Shipment, reasons: Collection[CaseReason], now: datetime) -> int:
    """Close open cases that the parcel's progress settled; how many."""
    moot = list(Case.objects.filter(shipment=shipment, reason__in=reasons, closed_at=None))
    for case in moot:
        close(case, outcome=CaseOutcome.RESOLVED, actor=ACTOR, note="", now=now)
    return len(moot)


def close(case: Case, *, outcome: CaseOutcome, actor: str, note: str, now: datetime) -> bool:
    """Close an open case, and write down who did and why; whether it was open."""
    closed = Case.objects.filter(pk=case.pk, closed_at=None).update(
        closed_at=now, closed_by=actor, outcome=outcome
    )
    if closed:
        enter(case, CaseAction.CLOSE, actor=actor, note=note, now=now, outcome=str(outcome))
    return bool(closed)


def enter(
    case: Case,
    action: CaseAction,
    *,
    actor: str,
    now: datetime,
    note: str = "",
    **data: str | int | list[str],
) -> None:
    """Append what was done."""
    CaseEntry.objects.create(case=case, action=action, actor=actor, at=now, note=note[:500], data=data)


def unrecorded() -> None:
    """Nobody keeps a trail but the case."""


@contextmanager
def working(
    code: str, action: CaseAction, *, actor: str, record: Record, claim_first: bool = False
) -> Iterator[Case]:
    """An open case, its row locked, in a transaction; whoever acts on it becomes its owner.

    Args: claim_first: lock the claim's row before, as those do who change a claim and then its cases.
    """
    with transaction.atomic(durable=True):
        if claim_first:
            about = Case.objects.filter(code=code).values_list("shipment__claim", flat=True)
            Claim.objects.select_for_update(no_key=True).filter(pk__in=list(about)).first()
        case = lock_case(code, actor=actor, action=action)
        if not case.owner:
            case.owner = actor
            case.save(update_fields=["owner"])
        yield case
        record()


def lock_case(code: str, *, actor: str | None, action: CaseAction, take_over: bool = False) -> Case:
    case = (
        Case.objects.select_related("shipment__claim")
        .select_for_update(of=("self",), no_key=True)
        .filter(code=code, closed_at=None)
        .first()
    )
    if case is None:
        raise UnknownCase(code)
    if actor is not None and case.owner not in ("", actor) and not take_over:
        raise CaseTaken(code, case.owner)
    if action not in playbook(CaseReason(case.reason)):
        raise NotInThePlaybook(code, CaseAction(action).label, CaseReason(case.reason).label)
    return case
