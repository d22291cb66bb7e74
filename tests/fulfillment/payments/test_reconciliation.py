"""`reconcile_payments` finds every kind of difference; each of these is planted and must be found."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from common import clock
from fulfillment.claims.models import Claim
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.payments import gateways
from fulfillment.payments.models import BookEntry, Payment, Refund
from fulfillment.payments.rules.states import RefundReason
from fulfillment.payments.selectors import books_by_claim
from fulfillment.payments.services.balance_transactions import collect_books
from fulfillment.payments.services.reconciliation import reconcile
from fulfillment.payments.services.refunds import refund_part
from tests.fulfillment.payments.conftest import TOTAL, Desk

pytestmark = pytest.mark.django_db


def found(desk: Desk) -> list[str]:
    differences = reconcile(gateway=desk.gateway, since=desk.now - timedelta(days=30), now=desk.now)
    return sorted({one.kind for one in differences})


@pytest.fixture
def settled(desk: Desk, paid: Payment) -> Payment:
    """Paid, one key given back, the books fetched: everything agrees."""
    refund_part(code=paid.claim.code, amount=2900, reason=RefundReason.SHORT, actor="staff:1", now=desk.now)
    desk.work()
    desk.pass_time(hours=1)
    collect_books(gateway=desk.gateway, now=desk.now)
    assert found(desk) == []
    return paid


def by_sql(statement: str, *parameters: Any) -> None:
    """What no service does and the triggers refuse: a row changed by hand."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("SET session_replication_role = origin")


def refund_id(payment: Payment) -> str:
    vendor_id = Refund.objects.get(payment=payment).vendor_id
    assert vendor_id
    return vendor_id


def unknown_session(desk: Desk, payment: Payment) -> None:
    assert payment.session_id
    desk.vendor.copy(payment.session_id)


def missing_session(desk: Desk, payment: Payment) -> None:
    assert payment.session_id
    desk.vendor.forget(payment.session_id)


def paid_there_only(desk: Desk, payment: Payment) -> None:
    by_sql("UPDATE payments_payment SET state = 'expired' WHERE id = %s", payment.pk)


def other_amount(desk: Desk, payment: Payment) -> None:
    assert payment.session_id
    desk.vendor.tamper(payment.session_id, amount=TOTAL - 1)


def other_currency(desk: Desk, payment: Payment) -> None:
    assert payment.session_id
    desk.vendor.tamper(payment.session_id, currency="eur")


def other_claim(desk: Desk, payment: Payment) -> None:
    assert payment.session_id
    desk.vendor.tamper(payment.session_id, claim="C-000000000000")


def other_mode(desk: Desk, payment: Payment) -> None:
    assert payment.session_id
    desk.vendor.tamper(payment.session_id, livemode=True)


def unknown_refund(desk: Desk, payment: Payment) -> None:
    assert payment.payment_intent_id
    desk.vendor.refund(payment.payment_intent_id, amount=100)


def missing_refund(desk: Desk, payment: Payment) -> None:
    desk.vendor.forget(refund_id(payment))


def other_refund_amount(desk: Desk, payment: Payment) -> None:
    desk.vendor.change(refund_id(payment), amount=2800)


def refund_failed_unheard(desk: Desk, payment: Payment) -> None:
    desk.vendor.fail_refund(refund_id(payment))


def refund_never_sent(desk: Desk, payment: Payment) -> None:
    refund_part(code=payment.claim.code, amount=100, reason=RefundReason.SHORT, actor="staff:1", now=desk.now)


def cancelled_without_refund(desk: Desk, payment: Payment) -> None:
    cancel_claim(code=payment.claim.code, actor="claimant", now=desk.now)


def unknown_dispute(desk: Desk, payment: Payment) -> None:
    assert payment.payment_intent_id
    desk.vendor.dispute(payment.payment_intent_id)


def dispute_decided_unheard(desk: Desk, payment: Payment) -> None:
    assert payment.payment_intent_id
    dispute = desk.vendor.dispute(payment.payment_intent_id)
    desk.hear()
    collect_books(gateway=desk.gateway, now=desk.now)
    desk.vendor.close_dispute(dispute["id"], "won")
    collect_books(gateway=desk.gateway, now=desk.now)


def line_not_booked(desk: Desk, payment: Payment) -> None:
    by_sql("DELETE FROM payments_bookentry WHERE source_id = %s", payment.charge_id)


def line_booked_otherwise(desk: Desk, payment: Payment) -> None:
    by_sql("UPDATE payments_bookentry SET fee = fee + 1, net = net - 1")


def line_gone_there(desk: Desk, payment: Payment) -> None:
    desk.vendor.forget(BookEntry.objects.get(source_id=payment.charge_id).vendor_id)


def money_of_a_stranger(desk: Desk, payment: Payment) -> None:
    desk.vendor.stranger(amount=1234)
    collect_books(gateway=desk.gateway, now=desk.now)


PLANTED: dict[str, tuple[Callable[[Desk, Payment], None], list[str]]] = {
    one.__name__: (one, kinds)
    for one, kinds in (
        (unknown_session, ["unknown_session"]),
        (missing_session, ["missing_session"]),
        (paid_there_only, ["state"]),
        (other_amount, ["amount"]),
        (other_currency, ["currency"]),
        (other_claim, ["claim"]),
        (other_mode, ["mode"]),
        (unknown_refund, ["unbooked", "unknown_refund"]),
        (missing_refund, ["missing_refund"]),
        (other_refund_amount, ["refund_amount"]),
        (refund_failed_unheard, ["refund_state", "unbooked"]),
        (refund_never_sent, ["unsent_refund"]),
        (cancelled_without_refund, ["not_given_back"]),
        (unknown_dispute, ["unbooked", "unknown_dispute"]),
        (dispute_decided_unheard, ["dispute_state"]),
        (line_not_booked, ["unbooked"]),
        (line_booked_otherwise, ["book_entry"]),
        (line_gone_there, ["missing_entry"]),
        (money_of_a_stranger, ["money_without_claim"]),
    )
}


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_difference_is_found_and_nothing_else(desk: Desk, settled: Payment, name: str) -> None:
    plant, kinds = PLANTED[name]
    plant(desk, settled)
    desk.pass_time(hours=1)
    assert found(desk) == kinds


def test_twelve_planted_at_once_are_all_found(desk: Desk, settled: Payment) -> None:
    """Each names the ids to look at, so that none hides behind another."""
    for plant in (
        unknown_session,
        other_amount,
        other_currency,
        other_claim,
        unknown_refund,
        other_refund_amount,
        refund_never_sent,
        unknown_dispute,
        line_booked_otherwise,
        money_of_a_stranger,
        line_gone_there,
        cancelled_without_refund,
        missing_refund,
    ):
        if plant is missing_refund:
            by_sql(
                "INSERT INTO payments_refund (code, payment_id, reason, state, amount, currency, attempt, "
                "vendor_id, requested_by, created_at, updated_at, failure) VALUES "
                "('R-PLANTED00000', %s, 'short', 'succeeded', 1, 'USD', 1, 're_3nowhere', 'x', %s, %s, '')",
                settled.pk,
                desk.now,
                desk.now,
            )
        else:
            plant(desk, settled)
    desk.pass_time(hours=1)
    kinds = found(desk)
    assert set(kinds) >= {
        "unknown_session",
        "amount",
        "currency",
        "claim",
        "unknown_refund",
        "refund_amount",
        "unsent_refund",
        "unknown_dispute",
        "book_entry",
        "money_without_claim",
        "missing_refund",
        "missing_entry",
    }


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def _at_the_desk(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(gateways, "payment_gateway", lambda: desk.gateway)
        with clock.reading(lambda: desk.now):
            yield

    def run(self, *arguments: str) -> dict[str, Any]:
        out = StringIO()
        call_command("reconcile_payments", "--json", *arguments, stdout=out, stderr=StringIO())
        document: dict[str, Any] = json.loads(out.getvalue())
        return document

    def test_it_says_when_all_agrees(self, settled: Payment) -> None:
        assert self.run()["ok"] is True

    def test_it_ends_with_one_when_anything_differs(self, desk: Desk, settled: Payment) -> None:
        money_of_a_stranger(desk, settled)
        desk.pass_time(hours=1)
        with pytest.raises(CommandError) as failure:
            self.run()
        assert failure.value.returncode == 1

    def test_settle_puts_right_what_the_vendor_knows_better(self, desk: Desk, settled: Payment) -> None:
        refund_failed_unheard(desk, settled)
        unknown_refund(desk, settled)
        desk.pass_time(hours=1)
        self.run("--settle")
        assert sorted(Refund.objects.values_list("state", flat=True)) == ["failed", "succeeded"]


class TestLongAfterItWasPaid:
    """Its session is older than what is looked at, and something happens to it still."""

    def test_what_we_know_of_is_no_difference(self, desk: Desk, settled: Payment) -> None:
        desk.pass_time(days=60)
        assert settled.payment_intent_id
        desk.vendor.refund(settled.payment_intent_id, amount=100)
        desk.vendor.dispute(settled.payment_intent_id)
        desk.hear()
        collect_books(gateway=desk.gateway, now=desk.now)
        desk.pass_time(hours=1)
        assert found(desk) == []

    def test_what_nobody_heard_of_is_found_with_its_payment(self, desk: Desk, settled: Payment) -> None:
        desk.pass_time(days=60)
        assert settled.payment_intent_id
        desk.vendor.refund(settled.payment_intent_id, amount=100)
        desk.vendor.dispute(settled.payment_intent_id)
        collect_books(gateway=desk.gateway, now=desk.now)
        desk.pass_time(hours=1)
        differences = reconcile(gateway=desk.gateway, since=desk.now - timedelta(days=30), now=desk.now)
        assert [(one.kind, one.payment_id) for one in differences] == [
            ("unknown_dispute", settled.pk),
            ("unknown_refund", settled.pk),
        ]


def test_the_books_of_a_claim_add_up_as_of_any_moment(desk: Desk, settled: Payment) -> None:
    paid_at, short_at = desk.now - timedelta(hours=1), desk.now
    (books,) = books_by_claim(as_of=short_at)
    fee = (TOTAL * 29 + 500) // 1000 + 30
    assert (books.gross, books.fee, books.refunds, books.disputes) == (TOTAL, fee, 2900, 0)
    assert books.net == TOTAL - fee - 2900
    assert books.claim_code == Claim.objects.get().code
    assert settled.payment_intent_id
    desk.vendor.dispute(settled.payment_intent_id)
    desk.hear()
    desk.pass_time(days=1)
    assert collect_books(gateway=desk.gateway, now=desk.now) == 1
    assert collect_books(gateway=desk.gateway, now=desk.now) == 0
    (later,) = books_by_claim(as_of=desk.now)
    assert (later.disputes, later.fee) == (2500, fee + 1500)
    assert later.net == sum(BookEntry.objects.values_list("net", flat=True))
    assert books_by_claim(as_of=short_at - timedelta(minutes=1)) == [books_by_claim(as_of=paid_at)[0]]
