"""Cases: opened by whoever finds something wrong, and told to the maintainer at once where they must wait."""

from collections.abc import Collection
from datetime import datetime

from fulfillment.claims.models import Claim
from fulfillment.claims.services.progress import ACTOR, report_problem
from fulfillment.shipping.models import Case, CaseEntry, LabelPurchase, Shipment
from fulfillment.shipping.rules.cases import (
    TOLD,
    CaseAction,
    CaseOutcome,
    CaseReason,
    cause_of,
    due_in_region,
)


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
