"""What a person does about a case about money: each action is one transaction, and written down.

All raise UnknownPaymentCase (no open case of that code), PaymentCaseTaken (somebody else works it) and
NotOffered (this reason has no such action).

Args of all: record: writes the actor's trail; called last, so that it commits with what was done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from config.jobs import defer
from fulfillment.claims.deferred_jobs import SETTLE_CLAIM
from fulfillment.payments.errors import BadMoneyData, NotOffered, PaymentCaseTaken, UnknownPaymentCase
from fulfillment.payments.models import Payment, PaymentCase, Refund
from fulfillment.payments.rules.cases import MoneyAction, MoneyOutcome, payment_playbook
from fulfillment.payments.rules.states import PaymentCaseReason, RefundReason
from fulfillment.payments.services.cases import close_payment, enter
from fulfillment.payments.services.refunds import plan_refund

Record = Callable[[], None]
_A, _O = MoneyAction, MoneyOutcome


def unrecorded() -> None:
    """Nobody keeps a trail but the case."""


def take_case(
    *, code: str, actor: str, now: datetime, take_over: bool = False, record: Record = unrecorded
) -> PaymentCase:
    """Work a case. One person does at a time; `take_over` takes it from whoever has it."""
    with _working(code, _A.TAKE, actor=actor, take_over=take_over, record=record) as case:
        PaymentCase.objects.filter(pk=case.pk).update(owner=actor)
        enter(case, _A.TAKE, actor=actor, now=now)
    return case


def add_note(*, code: str, note: str, actor: str, now: datetime, record: Record = unrecorded) -> PaymentCase:
    """Write down what was found out; anybody may. Raises: BadMoneyData: an empty note."""
    with _working(code, _A.NOTE, actor=None, record=record) as case:
        if not note.strip():
            raise BadMoneyData("note", "Say what you found out.")
        enter(case, _A.NOTE, actor=actor, note=note.strip(), now=now)
    return case


def look_again(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> PaymentCase:
    """Have the vendor asked again about the payment, and whatever it knows better put right.

    Raises: BadMoneyData: the case is about money of no payment of ours.
    """
    with _working(code, _A.LOOK, actor=actor, record=record) as case:
        if case.payment is None:
            raise BadMoneyData("note", "It is of no payment of ours; look at it on the vendor's pages.")
        enter(case, _A.LOOK, actor=actor, note=note, now=now)
        defer(SETTLE_CLAIM, claim_id=case.payment.claim_id)
    return case


def send_again(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> Refund:
    """Send a refund that came back, or was refused, once more; the new one.

    Raises: BadMoneyData: it is not failed any more, or was sent again.
    After commit: a worker sends it. Should that fail too, there is a new case.
    """
    with _working(code, _A.SEND_AGAIN, actor=actor, record=record) as case:
        failed = Refund.objects.come_back().filter(code=case.about).first()
        if failed is None or case.payment is None:
            raise BadMoneyData("note", "It has arrived, or was sent again. Ask the vendor again.")
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
        close_payment(case, outcome=_O.SENT_AGAIN, actor=actor, note="", now=now)
    return refund


def write_down_paid(
    *, code: str, reference: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> PaymentCase:
    """The payer has the money of a failed refund some other way. Ends the case.

    Args:   reference: of the transfer, so that it can be found in the foundation's own books.
    Raises: BadMoneyData: without one.
    """
    with _working(code, _A.PAID_OTHERWISE, actor=actor, record=record) as case:
        if not reference.strip():
            raise BadMoneyData("reference", "Give the reference of the transfer.")
        enter(case, _A.PAID_OTHERWISE, actor=actor, note=note, now=now, reference=reference.strip()[:80])
        close_payment(case, outcome=_O.PAID_OTHERWISE, actor=actor, note="", now=now)
    return case


def write_down_answer(
    *, code: str, actor: str, now: datetime, note: str = "", record: Record = unrecorded
) -> PaymentCase:
    """The evidence was sent on the vendor's pages; the case stays until the payer's bank has decided."""
    with _working(code, _A.ANSWERED, actor=actor, record=record) as case:
        enter(case, _A.ANSWERED, actor=actor, note=note, now=now)
    return case


def close_case(
    *,
    code: str,
    outcome: MoneyOutcome,
    actor: str,
    now: datetime,
    note: str = "",
    record: Record = unrecorded,
) -> PaymentCase:
    """Close a case by its outcome. Raises: BadMoneyData: a dispute that is left undefended without a word."""
    with _working(code, _A.CLOSE, actor=actor, record=record) as case:
        if outcome == _O.NOT_ANSWERED and not note.strip():
            raise BadMoneyData("note", "Say why the dispute is not answered; the money is then lost.")
        close_payment(case, outcome=outcome, actor=actor, note=note, now=now)
    return case


@contextmanager
def _working(
    code: str,
    action: MoneyAction,
    *,
    actor: str | None,
    record: Record,
    take_over: bool = False,
) -> Iterator[PaymentCase]:
    """An open case, locked, in a transaction; whoever acts on it becomes its owner.

    The payment is locked before its case, as by those who learn of money.
    """
    with transaction.atomic(durable=True):
        payment_id = PaymentCase.objects.filter(code=code).values_list("payment", flat=True).first()
        if payment_id is not None:
            Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        case = _locked(code, actor=actor, action=action, take_over=take_over)
        if actor is not None and not case.owner:
            case.owner = actor
            PaymentCase.objects.filter(pk=case.pk).update(owner=actor)
        yield case
        record()


def _locked(code: str, *, actor: str | None, action: MoneyAction, take_over: bool) -> PaymentCase:
    case = (
        PaymentCase.objects.select_related("payment")
        .select_for_update(of=("self",), no_key=True)
        .filter(code=code, closed_at=None)
        .first()
    )
    if case is None:
        raise UnknownPaymentCase(code)
    if actor is not None and case.owner not in ("", actor) and not take_over:
        raise PaymentCaseTaken(code, case.owner)
    if action not in payment_playbook(PaymentCaseReason(case.reason)):
        raise NotOffered(code, MoneyAction(action).label, PaymentCaseReason(case.reason).label)
    return case
