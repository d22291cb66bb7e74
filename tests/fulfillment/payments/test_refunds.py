"""Money back: in full, in part, by hand, failing later; and payers' banks that ask for it."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from common.invariants import verify_all
from fulfillment.cases.models import Case
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.shipment_callbacks import record_shipped, start_label
from fulfillment.notices.models import Notice
from fulfillment.payments.errors import PaymentNotRefundable
from fulfillment.payments.gateways.base import PaymentGatewayError
from fulfillment.payments.models import Dispute, Payment, Refund
from fulfillment.payments.rules.refunds import price_of_missing_keys
from fulfillment.payments.rules.states import RefundReason
from fulfillment.payments.services.refunds import refund_part, send_refund
from fulfillment.payments.services.settlement import settle_payment
from tests.fulfillment.conftest import waiting_jobs
from tests.fulfillment.payments.conftest import TOTAL, Desk, fresh, held, refunds_of

pytestmark = pytest.mark.django_db


def give_back(desk: Desk, payment: Payment, amount: int) -> Refund:
    refund = refund_part(
        code=payment.claim.code, amount=amount, reason=RefundReason.SHORT, actor="staff:1", now=desk.now
    )
    desk.work()
    refund.refresh_from_db()
    return refund


class TestPartial:
    def test_one_key_short_is_given_back_at_its_price(self, desk: Desk, paid: Payment) -> None:
        owed = price_of_missing_keys(paid.claim.quote.as_quote(), missing=1)
        refund = give_back(desk, paid, owed)
        assert (refund.state, refund.amount, refund.requested_by) == ("succeeded", 2900, "staff:1")
        assert fresh(paid).claim.state == "accepted"
        assert [charge["refunded"] for charge in desk.vendor.ledger()] == [2900]
        desk.hear()
        assert refunds_of(paid) == [("short", "succeeded", 2900)]
        assert verify_all().violations == []

    def test_the_rest_goes_back_when_the_claim_is_cancelled(self, desk: Desk, paid: Payment) -> None:
        give_back(desk, paid, 2900)
        cancel_claim(code=paid.claim.code, actor="claimant", now=desk.now)
        desk.work()
        assert refunds_of(paid) == [("short", "succeeded", 2900), ("cancelled", "succeeded", 2500)]
        assert [charge["refunded"] for charge in desk.vendor.ledger()] == [TOTAL]

    @pytest.mark.parametrize("amount", [0, -1, TOTAL + 1])
    def test_no_more_than_was_paid_goes_back(self, desk: Desk, paid: Payment, amount: int) -> None:
        with pytest.raises(PaymentNotRefundable):
            give_back(desk, paid, amount)
        assert refunds_of(paid) == []

    def test_nothing_goes_back_of_what_was_not_paid(self, desk: Desk, dear_claim: Claim) -> None:
        payment = desk.offer(dear_claim)
        with pytest.raises(PaymentNotRefundable):
            give_back(desk, payment, 1)

    def test_the_database_adds_up_what_goes_back(self, desk: Desk, paid: Payment) -> None:
        give_back(desk, paid, 5000)
        with pytest.raises(DatabaseError, match="would go back"), transaction.atomic():
            Refund.objects.create(
                payment=paid,
                reason="cancelled",
                amount=401,
                currency="USD",
                requested_by="nobody",
                created_at=desk.now,
                updated_at=desk.now,
            )


class TestTheVendorMisbehaves:
    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("kind", ["drop", "html", "garbage", "status"])
    def test_whatever_happens_to_the_call_it_goes_back_once(
        self, desk: Desk, paid: Payment, kind: str, moment: str
    ) -> None:
        refund = refund_part(
            code=paid.claim.code, amount=TOTAL, reason=RefundReason.SHORT, actor="staff:1", now=desk.now
        )
        desk.vendor.add_fault(kind, method="POST", path="/refunds", moment=moment, count=3)
        for _ in range(4):
            try:
                send_refund(refund_id=refund.pk, gateway=desk.gateway, now=desk.now)
            except PaymentGatewayError:
                desk.pass_time(minutes=1)
        assert refunds_of(paid) == [("short", "succeeded", TOTAL)]
        assert [charge["refunded"] for charge in desk.vendor.ledger()] == [TOTAL]

    def test_after_a_day_it_looks_before_it_asks_again(self, desk: Desk, paid: Payment) -> None:
        refund = refund_part(
            code=paid.claim.code, amount=2900, reason=RefundReason.SHORT, actor="staff:1", now=desk.now
        )
        desk.vendor.add_fault("drop", method="POST", path="/refunds", moment="after", count=3)
        with pytest.raises(PaymentGatewayError):
            send_refund(refund_id=refund.pk, gateway=desk.gateway, now=desk.now)
        desk.vendor.clear_faults()
        desk.pass_time(hours=30)
        send_refund(refund_id=refund.pk, gateway=desk.gateway, now=desk.now)
        assert refunds_of(paid) == [("short", "succeeded", 2900)]
        assert [charge["refunded"] for charge in desk.vendor.ledger()] == [2900]

    def test_what_was_sent_back_by_hand_meanwhile_is_not_sent_again(self, desk: Desk, paid: Payment) -> None:
        refund_part(
            code=paid.claim.code, amount=TOTAL, reason=RefundReason.SHORT, actor="staff:1", now=desk.now
        )
        assert paid.payment_intent_id
        desk.vendor.refund(paid.payment_intent_id)
        desk.work()
        assert refunds_of(paid) == [("short", "void", TOTAL), ("by_hand", "succeeded", TOTAL)]
        assert not Case.objects.exists()
        assert verify_all().violations == []

    def test_a_refusal_is_a_case(self, desk: Desk, paid: Payment) -> None:
        desk.vendor.add_fault("status", status=400, code="insufficient_funds", method="POST", path="/refunds")
        refund = give_back(desk, paid, 2900)
        assert (refund.state, refund.failure) == ("failed", "insufficient_funds")
        assert Case.objects.get().reason == "refund_refused"


class TestLater:
    def test_a_refund_that_takes_days_is_followed(self, desk: Desk, paid: Payment) -> None:
        desk.vendor.settings(refund_status="pending")
        assert give_back(desk, paid, 2900).state == "pending"
        desk.pass_time(days=6)
        desk.hear()
        assert refunds_of(paid) == [("short", "succeeded", 2900)]
        assert Notice.objects.filter(template="refunded").count() == 1

    def test_without_webhooks_it_is_asked_after(self, desk: Desk, paid: Payment) -> None:
        desk.vendor.settings(refund_status="pending")
        give_back(desk, paid, 2900)
        desk.pass_time(days=6)
        desk.sweep()
        assert refunds_of(paid) == [("short", "succeeded", 2900)]

    def test_a_refund_the_bank_sends_back_days_later_is_a_case(self, desk: Desk, paid: Payment) -> None:
        cancel_claim(code=paid.claim.code, actor="claimant", now=desk.now)
        desk.work()
        refund = Refund.objects.get()
        assert refund.vendor_id
        desk.pass_time(days=3)
        desk.vendor.fail_refund(refund.vendor_id)
        desk.hear()
        assert refunds_of(paid) == [("cancelled", "failed", TOTAL)]
        case = Case.objects.get()
        assert (case.reason, case.about) == ("refund_failed", refund.code)
        assert "5400 USD" in case.detail
        # A person has it now; nothing goes to the same card by itself.
        desk.hear()
        desk.work()
        assert Refund.objects.count() == 1
        assert verify_all().violations == []

    def test_a_refund_by_hand_is_taken_in(self, desk: Desk, paid: Payment) -> None:
        assert paid.payment_intent_id
        desk.vendor.refund(paid.payment_intent_id, amount=1000)
        desk.hear()
        assert refunds_of(paid) == [("by_hand", "succeeded", 1000)]
        cancel_claim(code=paid.claim.code, actor="claimant", now=desk.now)
        desk.work()
        assert refunds_of(paid)[1:] == [("cancelled", "succeeded", 4400)]


class TestDisputes:
    def test_a_claim_not_handed_over_is_held_back(self, desk: Desk, paid: Payment) -> None:
        assert paid.payment_intent_id
        desk.vendor.dispute(paid.payment_intent_id)
        desk.hear()
        claim = Claim.objects.get()
        assert claim.held_at == desk.now
        assert start_label(claim_id=claim.pk, now=desk.now) is None
        case = Case.objects.get()
        assert case.reason == "dispute"
        assert "not handed over; on hold" in case.detail
        assert case.due_at == desk.now + timedelta(days=7)

    def test_one_that_is_won_goes_on(self, desk: Desk, paid: Payment) -> None:
        from tests.fulfillment.conftest import forget_jobs

        assert paid.payment_intent_id
        dispute = desk.vendor.dispute(paid.payment_intent_id)
        desk.hear()
        forget_jobs()
        desk.vendor.close_dispute(dispute["id"], "won")
        desk.hear()
        claim = Claim.objects.get()
        assert claim.held_at is None
        assert waiting_jobs("shipping.ship_claim") == [{"claim_id": claim.pk}]
        assert start_label(claim_id=claim.pk, now=desk.now) is not None
        assert Case.objects.get().outcome == "decided: won"

    def test_one_that_is_lost_frees_the_keys(self, desk: Desk, paid: Payment) -> None:
        assert paid.payment_intent_id
        dispute = desk.vendor.dispute(paid.payment_intent_id)
        desk.hear()
        desk.vendor.close_dispute(dispute["id"], "lost")
        desk.hear()
        desk.work()
        claim = Claim.objects.get()
        assert (claim.state, held(claim), refunds_of(paid)) == ("cancelled", 0, [])
        assert Dispute.objects.get().state == "lost"
        desk.pass_time(days=1)
        assert verify_all().violations == []

    def test_after_the_hand_over_the_case_names_the_carrier(self, desk: Desk, paid: Payment) -> None:
        claim = paid.claim
        start_label(claim_id=claim.pk, now=desk.now)
        claim.refresh_from_db()
        record_shipped(claim, carrier="USPS", tracking_code="9400100000000000000000", now=desk.now)
        assert paid.payment_intent_id
        desk.vendor.dispute(paid.payment_intent_id)
        desk.hear()
        assert Claim.objects.get().held_at is None
        assert "shipped 2022-07-11 by USPS 9400100000000000000000" in Case.objects.get().detail

    def test_the_money_of_a_cancelled_claim_is_not_sent_twice(self, desk: Desk, paid: Payment) -> None:
        """The bank has it; should we win, it goes back after all."""
        assert paid.payment_intent_id
        dispute = desk.vendor.dispute(paid.payment_intent_id)
        desk.hear()
        cancel_claim(code=paid.claim.code, actor="claimant", now=desk.now)
        desk.work()
        assert refunds_of(paid) == []
        desk.vendor.close_dispute(dispute["id"], "won")
        desk.hear()
        desk.work()
        assert refunds_of(paid) == [("cancelled", "succeeded", TOTAL)]

    def test_a_dispute_is_found_without_its_webhook_once_another_comes(
        self, desk: Desk, paid: Payment
    ) -> None:
        assert paid.payment_intent_id
        desk.vendor.dispute(paid.payment_intent_id)
        settle_payment(payment_id=paid.pk, gateway=desk.gateway, now=desk.now)
        assert ClaimEvent.objects.filter(name="held").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_a_refund_once(desk: Desk, paid: Payment) -> None:
    from django.db import connections

    refund = refund_part(
        code=paid.claim.code, amount=2900, reason=RefundReason.SHORT, actor="staff:1", now=desk.now
    )
    desk.vendor.add_fault("delay", seconds=0.2, method="POST", path="/refunds", moment="after")
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        try:
            send_refund(refund_id=refund.pk, gateway=desk.gateway, now=desk.now)
        except PaymentGatewayError:
            pass  # told that the other's call is in progress
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert refunds_of(paid) == [("short", "succeeded", 2900)]
    assert [charge["refunded"] for charge in desk.vendor.ledger()] == [2900]
