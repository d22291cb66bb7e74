"""Actions on payment cases. Each is one transaction and adds a case entry.

All raise UnknownCase (no open case with that code), CaseTaken (another person works on it) and
ActionNotAvailable (not available for this reason).

Args of all: record: writes the audit entry; called last, in the same transaction.
"""

from datetime import datetime

from django.db.models import Model, QuerySet

from config.jobs import defer
from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseAction, CaseOutcome
from fulfillment.cases.services import Record, add_entry, close_case, locked_case, unaudited
from fulfillment.claims.deferred_jobs import SETTLE_CLAIM
from fulfillment.payments.models import Payment, Refund
from fulfillment.payments.rules.states import RefundReason
from fulfillment.payments.services.refunds import plan_refund

_A, _O = CaseAction, CaseOutcome


def recheck_payment(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Settle the payment with the vendor again.

    Raises: BadCaseData: the case belongs to no payment of ours.
    """
    with locked_case(code, _A.LOOK, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        if case.payment is None:
            raise BadCaseData("note", "The case belongs to no payment. Check it in Stripe's dashboard.")
        add_entry(case, _A.LOOK, actor=actor, note=note, now=now)
        defer(SETTLE_CLAIM, claim_id=case.payment.claim_id)
    return case


def resend_refund(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Refund:
    """Send a failed refund again; return the new refund.

    Raises: BadCaseData: it is no longer failed, or was sent again already.
    After commit: a worker sends it. If it fails too, a new case is opened.
    """
    with locked_case(code, _A.SEND_AGAIN, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        failed = Refund.objects.come_back().filter(code=case.about).first()
        if failed is None or case.payment is None:
            raise BadCaseData("note", "It has succeeded or was sent again. Check with the vendor again.")
        refund = plan_refund(
            case.payment,
            reason=RefundReason(failed.reason),
            amount=failed.amount,
            actor=actor,
            replaces=failed,
            now=now,
        )
        assert refund is not None, "a failed refund has an amount"
        add_entry(case, _A.SEND_AGAIN, actor=actor, note=note, now=now, refund=refund.code)
        close_case(case, outcome=_O.SENT_AGAIN, actor=actor, now=now)
    return refund


def record_paid_another_way(
    *, code: str, reference: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Record that a failed refund was paid another way, and close the case.

    Args:   reference: of the transfer, as in the foundation's accounts.
    Raises: BadCaseData: no reference.
    """
    with locked_case(
        code, _A.PAID_OTHERWISE, actor=actor, record=record, lock_first=_payment_of(code)
    ) as case:
        if not reference.strip():
            raise BadCaseData("reference", "Enter the reference of the transfer.")
        add_entry(case, _A.PAID_OTHERWISE, actor=actor, note=note, now=now, reference=reference.strip()[:80])
        close_case(case, outcome=_O.PAID_OTHERWISE, actor=actor, now=now)
    return case


def record_evidence_submitted(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unaudited
) -> Case:
    """Record that evidence was submitted at the vendor; the case stays open until the bank has decided."""
    with locked_case(code, _A.ANSWERED, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        add_entry(case, _A.ANSWERED, actor=actor, note=note, now=now)
    return case


def close_payment_case(
    *,
    code: str,
    outcome: CaseOutcome,
    actor: str,
    now: datetime,
    note: str = "",
    record: Record = unaudited,
) -> Case:
    """Close a case with an outcome. Raises: BadCaseData: a dispute not contested, without a note."""
    with locked_case(code, _A.CLOSE, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        if outcome == _O.NOT_ANSWERED and not note.strip():
            raise BadCaseData("note", "Enter why the dispute is not contested. The payment will be lost.")
        close_case(case, outcome=outcome, actor=actor, note=note, now=now)
    return case


def _payment_of(code: str) -> QuerySet[Model]:
    """The payment of a case, to be locked before the case, in the order that settlement uses."""
    return Payment.objects.filter(pk__in=Case.objects.filter(code=code).values("payment"))
