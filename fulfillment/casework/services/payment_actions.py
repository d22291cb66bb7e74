"""What a person does about a case about money: each action is one transaction, and written down.

All raise UnknownCase (no open case of that code), CaseTaken (somebody else works it) and
NotInThePlaybook (this reason has no such action).

Args of all: record: writes the actor's trail; called last, so that it commits with what was done.
"""

from datetime import datetime

from django.db.models import Model, QuerySet

from config.jobs import defer
from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseAction, CaseOutcome
from fulfillment.cases.services import Record, close_case, enter, unrecorded, working
from fulfillment.claims.deferred_jobs import SETTLE_CLAIM
from fulfillment.payments.models import Payment, Refund
from fulfillment.payments.rules.states import RefundReason
from fulfillment.payments.services.refunds import plan_refund

_A, _O = CaseAction, CaseOutcome


def look_again(*, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded) -> Case:
    """Have the vendor asked again about the payment, and whatever it knows better put right.

    Raises: BadCaseData: the case is about money of no payment of ours.
    """
    with working(code, _A.LOOK, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        if case.payment is None:
            raise BadCaseData("note", "It is of no payment of ours; look at it on the vendor's pages.")
        enter(case, _A.LOOK, actor=actor, note=note, now=now)
        defer(SETTLE_CLAIM, claim_id=case.payment.claim_id)
    return case


def send_again(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Refund:
    """Send a refund that came back, or was refused, once more; the new one.

    Raises: BadCaseData: it is not failed any more, or was sent again.
    After commit: a worker sends it. Should that fail too, there is a new case.
    """
    with working(code, _A.SEND_AGAIN, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        failed = Refund.objects.come_back().filter(code=case.about).first()
        if failed is None or case.payment is None:
            raise BadCaseData("note", "It has arrived, or was sent again. Ask the vendor again.")
        refund = plan_refund(
            case.payment,
            reason=RefundReason(failed.reason),
            amount=failed.amount,
            actor=actor,
            replaces=failed,
            now=now,
        )
        assert refund is not None, "what failed was of something"
        enter(case, _A.SEND_AGAIN, actor=actor, note=note, now=now, refund=refund.code)
        close_case(case, outcome=_O.SENT_AGAIN, actor=actor, now=now)
    return refund


def write_down_paid(
    *, code: str, reference: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Case:
    """The payer has the money of a failed refund some other way. Ends the case.

    Args:   reference: of the transfer, so that it can be found in the foundation's own books.
    Raises: BadCaseData: without one.
    """
    with working(code, _A.PAID_OTHERWISE, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        if not reference.strip():
            raise BadCaseData("reference", "Give the reference of the transfer.")
        enter(case, _A.PAID_OTHERWISE, actor=actor, note=note, now=now, reference=reference.strip()[:80])
        close_case(case, outcome=_O.PAID_OTHERWISE, actor=actor, now=now)
    return case


def write_down_answer(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Case:
    """The evidence was sent on the vendor's pages; the case stays until the payer's bank has decided."""
    with working(code, _A.ANSWERED, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        enter(case, _A.ANSWERED, actor=actor, note=note, now=now)
    return case


def close_payment_case(
    *,
    code: str,
    outcome: CaseOutcome,
    actor: str,
    now: datetime,
    note: str = "",
    record: Record = unrecorded,
) -> Case:
    """Close a case by its outcome. Raises: BadCaseData: a dispute that is left undefended without a word."""
    with working(code, _A.CLOSE, actor=actor, record=record, lock_first=_payment_of(code)) as case:
        if outcome == _O.NOT_ANSWERED and not note.strip():
            raise BadCaseData("note", "Say why the dispute is not answered; the money is then lost.")
        close_case(case, outcome=outcome, actor=actor, note=note, now=now)
    return case


def _payment_of(code: str) -> QuerySet[Model]:
    """The payment of a case, locked before it, as by those who learn of money."""
    return Payment.objects.filter(pk__in=Case.objects.filter(code=code).values("payment"))
