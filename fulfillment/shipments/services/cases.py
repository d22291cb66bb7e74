"""Open and close cases of shipments; notify the maintainer of cases that delay the parcel."""

from collections.abc import Collection
from datetime import datetime

from fulfillment.cases.models import Case
from fulfillment.cases.rules.causes import cause_of
from fulfillment.cases.rules.playbooks import CaseOutcome
from fulfillment.cases.rules.reasons import MESSAGES, CaseKind, CaseReason, due_in_region
from fulfillment.cases.services import close_case, open_if_none
from fulfillment.claims.models import Claim
from fulfillment.claims.services.shipment_callbacks import ACTOR, report_problem
from fulfillment.shipments.models import LabelPurchase, Shipment


def open_case(*, shipment: Shipment, reason: CaseReason, now: datetime, detail: str = "") -> bool:
    """Open a case unless the shipment has an open one of this reason; return whether one was opened.

    Args:  detail: codes and amounts, never personal data.
    After commit: the maintainer is notified if the case delays the parcel.
    """
    newest = LabelPurchase.objects.outbound().filter(shipment=shipment).order_by("-generation")
    promised_days = newest.values_list("promised_days", flat=True).first()
    is_new = open_if_none(
        kind=CaseKind.SHIPMENT,
        reason=reason,
        subject={"shipment": shipment},
        cause=cause_of(reason, detail),
        detail=detail[:300],
        opened_at=now,
        due_at=due_in_region(reason, now, promised_days=promised_days),
    )
    if is_new and reason in MESSAGES:
        claim = Claim.objects.get(pk=shipment.claim_id)
        report_problem(claim, problem=MESSAGES[reason], now=now)
    return is_new


def shipment_of(case: Case) -> Shipment:
    """The shipment of a shipment case."""
    assert case.shipment is not None, "not a shipment case"
    return case.shipment


def settle_cases(*, shipment: Shipment, reasons: Collection[CaseReason], now: datetime) -> int:
    """Close open cases that the shipment's progress has settled; return how many."""
    moot = list(Case.objects.open().filter(shipment=shipment, reason__in=reasons))
    for case in moot:
        close_case(case, outcome=CaseOutcome.RESOLVED, actor=ACTOR, now=now)
    return len(moot)
