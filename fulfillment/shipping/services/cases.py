"""Cases: what a person must look at."""

from datetime import datetime

from fulfillment.shipping.models import Case, Shipment
from fulfillment.shipping.rules.cases import CaseReason, due_at


def open_case(*, shipment: Shipment, reason: CaseReason, now: datetime, detail: str = "") -> bool:
    """Open a case unless one of this reason is open; whether one was opened.

    Args:  detail: codes and amounts, never personal data.
    Locks: none; the constraint lets one of several through.
    """
    _, is_new = Case.objects.get_or_create(
        shipment=shipment,
        reason=reason,
        closed_at=None,
        defaults={"detail": detail[:200], "opened_at": now, "due_at": due_at(reason, now)},
    )
    return is_new
