"""Cases about money: what a person must look at."""

from datetime import datetime, timedelta

from fulfillment.payments.models import Payment, PaymentCase
from fulfillment.payments.rules.states import PaymentCaseReason

DUE_WITHIN = timedelta(days=1)


def open_payment_case(
    *,
    about: str,
    reason: PaymentCaseReason,
    now: datetime,
    payment: Payment | None = None,
    detail: str = "",
    due_at: datetime | None = None,
) -> bool:
    """Open a case unless there was one of this reason about this; whether one was opened.

    Args:  about: the vendor's id, or our payment's code. detail: codes and amounts, never personal data.
    Locks: none; the constraint lets one of several through.
    """
    _, is_new = PaymentCase.objects.get_or_create(
        about=about,
        reason=reason,
        defaults={
            "payment": payment,
            "detail": detail[:300],
            "opened_at": now,
            "due_at": due_at or now + DUE_WITHIN,
        },
    )
    return is_new


def close_payment_case(*, about: str, reason: PaymentCaseReason, outcome: str, now: datetime) -> bool:
    """Close an open case; whether there was one."""
    return bool(
        PaymentCase.objects.filter(about=about, reason=reason, closed_at__isnull=True).update(
            closed_at=now, outcome=outcome[:200]
        )
    )
