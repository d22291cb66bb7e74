"""Open and close payment cases."""

from datetime import datetime

from common.public_ids import new_code
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseKind, CaseReason
from fulfillment.cases.rules.reasons import due_at as usual_due_at
from fulfillment.cases.services import close_case, open_if_none
from fulfillment.payments.models import Payment

ACTOR = "system:payments"


def open_payment_case(
    *,
    about: str,
    reason: CaseReason,
    now: datetime,
    payment: Payment | None = None,
    detail: str = "",
    due_at: datetime | None = None,
) -> bool:
    """Open a case unless one with this reason and subject is open; return whether one was opened.

    Args: about: the vendor's id, or the code of our payment or refund.
          detail: codes and amounts, never personal data.
    """
    return open_if_none(
        kind=CaseKind.PAYMENT,
        reason=reason,
        subject={"about": about},
        code=new_code("Q"),
        payment=payment,
        detail=detail[:300],
        opened_at=now,
        due_at=due_at or usual_due_at(CaseKind.PAYMENT, reason, now),
    )


def settle_payment_case(*, about: str, reason: CaseReason, outcome: str, now: datetime) -> bool:
    """Close the case that an event has settled; return whether one was open."""
    case = Case.objects.open().of_kind(CaseKind.PAYMENT).filter(about=about, reason=reason).first()
    return case is not None and close_case(case, outcome=outcome, actor=ACTOR, now=now)
