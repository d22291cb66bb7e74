"""Cases about money: opened by whoever finds something wrong, closed by what settles it or by a person."""

from datetime import datetime, timedelta

from fulfillment.payments.models import Payment, PaymentCase, PaymentCaseEntry
from fulfillment.payments.rules.cases import MoneyAction
from fulfillment.payments.rules.states import PaymentCaseReason

DUE_WITHIN = timedelta(days=1)
ACTOR = "system:payments"
# Found at every look for as long as they stand; a person who closed one has seen it.
_SEEN_ONCE = frozenset({PaymentCaseReason.WRONG_MODE, PaymentCaseReason.UNKNOWN_MONEY})


def open_payment_case(
    *,
    about: str,
    reason: PaymentCaseReason,
    now: datetime,
    payment: Payment | None = None,
    detail: str = "",
    due_at: datetime | None = None,
) -> bool:
    """Open a case unless one of this reason about this is open; whether one was opened.

    Args:  about: the vendor's id, or our payment's or refund's code. detail: codes and amounts, never
           personal data.
    Locks: none; the constraint lets one of several through.
    """
    known = PaymentCase.objects.filter(about=about, reason=reason)
    if reason in _SEEN_ONCE and known.exists():
        return False
    _, is_new = PaymentCase.objects.get_or_create(
        about=about,
        reason=reason,
        closed_at=None,
        defaults={
            "payment": payment,
            "detail": detail[:300],
            "opened_at": now,
            "due_at": due_at or now + DUE_WITHIN,
        },
    )
    return is_new


def close_payment_case(*, about: str, reason: PaymentCaseReason, outcome: str, now: datetime) -> bool:
    """Close the case that what happened has settled; whether one was open."""
    case = PaymentCase.objects.filter(about=about, reason=reason, closed_at=None).first()
    return case is not None and close_payment(case, outcome=outcome, actor=ACTOR, now=now)


def close_payment(case: PaymentCase, *, outcome: str, actor: str, now: datetime, note: str = "") -> bool:
    """Close an open case, and write down who did and why; whether it was open."""
    closed = PaymentCase.objects.filter(pk=case.pk, closed_at=None).update(
        closed_at=now, closed_by=actor, outcome=outcome[:200]
    )
    if closed:
        enter(case, MoneyAction.CLOSE, actor=actor, note=note, now=now, outcome=outcome)
    return bool(closed)


def enter(
    case: PaymentCase, action: MoneyAction, *, actor: str, now: datetime, note: str = "", **data: str | int
) -> None:
    """Append what was done."""
    PaymentCaseEntry.objects.create(case=case, action=action, actor=actor, at=now, note=note[:500], data=data)
