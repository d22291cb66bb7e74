"""A claim is paid: once, whatever the browser does; refused; left; too late."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from common import clock
from common.invariants import verify_all
from config.models import User
from fulfillment.cases.models import Case
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.waitlist import promote_waitlist
from fulfillment.notices.models import Notice
from fulfillment.payments.errors import CheckoutNotReady, NothingToPay
from fulfillment.payments.models import Fulfilment, Payment
from fulfillment.payments.services.checkout import start_checkout
from fulfillment.payments.services.expiry import expire_due_claims
from fulfillment.payments.services.settlement import settle_payment
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import Purpose, open_address
from inventory.models import Unit
from tests.conftest import MakeClaim, import_roster
from tests.fulfillment.conftest import waiting_jobs
from tests.fulfillment.payments.conftest import TOTAL, Desk, fresh, held, refunds_of
from tests.fulfillment.warehouse.scans import Floor, people

pytestmark = pytest.mark.django_db


def test_a_paid_claim_is_accepted_and_shipped_like_any_other(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    assert (payment.state, payment.amount, payment.currency) == ("open", TOTAL, "USD")
    desk.act(payment, "pay")
    desk.hear()
    payment, claim = fresh(payment), Claim.objects.get()
    assert (payment.state, payment.received, payment.claim.state) == ("paid", TOTAL, "accepted")
    assert [event.name for event in claim.events.order_by("id")] == ["awaiting_payment", "paid"]
    assert waiting_jobs("shipping.ship_claim") == [{"claim_id": claim.pk}]
    assert list(Notice.objects.order_by("id").values_list("template", flat=True)) == [
        "payment_due",
        "payment_received",
    ]
    assert verify_all().violations == []


def test_our_claim_stands_in_all_three_places(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    session = desk.act(payment, "pay")
    (charge,) = desk.vendor.ledger()
    assert (
        session["client_reference_id"] == session["metadata"]["claim"] == charge["claim"] == dear_claim.code
    )
    assert charge["payment"] == payment.code


def test_the_session_ends_with_the_reservation(desk: Desk, dear_claim: Claim) -> None:
    assert dear_claim.payment_due_at is not None
    payment = desk.offer(dear_claim)
    (session,) = desk.vendor.sessions()
    assert (
        session["expires_at"] == int(dear_claim.payment_due_at.timestamp()) == payment.expires_at.timestamp()
    )


def test_a_session_of_the_last_minutes_holds_the_keys_as_long_as_it_lives(
    desk: Desk, dear_claim: Claim
) -> None:
    desk.pass_time(hours=22, minutes=50)
    payment = desk.offer(dear_claim)
    dear_claim.refresh_from_db()
    assert dear_claim.payment_due_at == payment.expires_at == desk.now + timedelta(minutes=31)


def test_opening_the_page_again_leads_to_the_same_session(desk: Desk, dear_claim: Claim) -> None:
    urls = {start_checkout(code=dear_claim.code, gateway=desk.gateway, now=desk.now) for _ in range(3)}
    assert len(urls) == len(desk.vendor.sessions()) == 1


def test_a_free_claim_never_reaches_the_vendor(desk: Desk, make_claim: MakeClaim, stock: None) -> None:
    claim = make_claim()
    with pytest.raises(NothingToPay):
        desk.offer(claim)
    assert claim.state == "accepted"
    assert desk.vendor.state()["tally"] == {}


def test_a_declined_card_leaves_the_page_open(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    desk.act(payment, "decline")
    desk.hear()
    assert fresh(payment).state == "open"
    desk.act(payment, "pay")
    desk.hear()
    assert fresh(payment).claim.state == "accepted"


def test_abandoned_keys_go_back_into_stock(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    desk.pass_time(hours=23, seconds=1)
    desk.hear()
    payment = fresh(payment)
    assert (payment.state, payment.claim.state) == ("expired", "expired")
    assert held(dear_claim) == 0
    assert Unit.objects.available().count() == 20
    with pytest.raises(Shredded):
        open_address(subject=dear_claim.code, purpose=Purpose.CLAIMANT, actor="claimant", now=desk.now)
    assert Notice.objects.filter(template="payment_lapsed").count() == 1
    assert verify_all().violations == []


def test_a_claim_nobody_opened_the_page_of_lapses_by_the_sweep(desk: Desk, dear_claim: Claim) -> None:
    desk.pass_time(hours=23, minutes=9)
    desk.sweep()
    assert Claim.objects.get().state == "awaiting_payment"
    desk.pass_time(minutes=2)
    desk.sweep()
    assert Claim.objects.get().state == "expired"
    assert held(dear_claim) == 0


def test_paid_in_the_last_moment_counts_whatever_the_sweep_thought(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    desk.act(payment, "pay")
    # No webhook came, and the time is over.
    desk.pass_time(hours=30)
    assert expire_due_claims(gateway=desk.gateway, now=desk.now) == 0
    assert fresh(payment).claim.state == "accepted"


def test_while_the_vendor_is_silent_the_keys_wait_a_few_hours_more(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    desk.vendor.add_fault("html", path="/checkout/**", count=0)
    desk.pass_time(hours=24)
    desk.sweep()
    assert Claim.objects.get().state == "awaiting_payment"
    desk.pass_time(hours=6)
    desk.sweep()
    assert Claim.objects.get().state == "expired"
    # The address is kept: the money may have arrived.
    open_address(subject=dear_claim.code, purpose=Purpose.CLAIMANT, actor="claimant", now=desk.now)
    desk.vendor.clear_faults()
    desk.pass_time(minutes=30)
    desk.sweep()
    assert fresh(payment).state == "expired"


class TestPaidTooLate:
    """The money comes after the keys went back."""

    @pytest.fixture
    def late(self, desk: Desk, dear_claim: Claim) -> Payment:
        """Paid by a bank that takes longer than the keys can be held."""
        desk.vendor.settings(async_days=20)
        payment = desk.offer(dear_claim)
        desk.act(payment, "later")
        desk.hear()
        assert (fresh(payment).state, fresh(payment).claim.state) == ("pending", "awaiting_payment")
        desk.pass_time(days=8)
        desk.sweep()
        assert (fresh(payment).state, fresh(payment).claim.state) == ("pending", "expired")
        assert held(dear_claim) == 0
        return payment

    def test_with_keys_left_the_claim_is_served(self, desk: Desk, late: Payment) -> None:
        desk.act(late, "succeed")
        desk.hear()
        late = fresh(late)
        assert (late.state, late.claim.state, late.fulfilment.outcome) == (
            "paid",
            "accepted",
            "accepted_late",
        )
        assert held(late.claim) == 3
        assert refunds_of(late) == []
        assert verify_all().violations == []

    def test_without_keys_the_money_goes_back_and_we_say_so(self, desk: Desk, late: Payment) -> None:
        from inventory.services.reservations import Wanted, reserve

        with transaction.atomic():
            reserve(holder="elsewhere", wanted=[Wanted(None, 18)], actor="staff", now=desk.now)
        desk.act(late, "succeed")
        desk.hear()
        desk.work()
        late = fresh(late)
        assert (late.claim.state, late.fulfilment.outcome) == ("expired", "given_back")
        assert refunds_of(late) == [("too_late", "succeeded", TOTAL)]
        assert Notice.objects.filter(template="refunded").count() == 1
        (charge,) = desk.vendor.ledger()
        assert charge["refunded"] == TOTAL

    @pytest.mark.parametrize("is_in_line", [True, False])
    def test_it_does_not_overtake_those_in_line(
        self,
        desk: Desk,
        late: Payment,
        campaign: Campaign,
        address: PostalAddress,
        tmp_path: Path,
        is_in_line: bool,
    ) -> None:
        """Keys came free a moment ago, and somebody else has waited for them (decision 0071)."""
        from inventory.services.reservations import Wanted, release, reserve

        (other,) = people(tmp_path, 1, now=desk.now)
        with transaction.atomic():
            reserve(holder="elsewhere", wanted=[Wanted(None, 20)], actor="staff", now=desk.now)
        waiting = Floor(campaign, desk.now).claim(other, address) if is_in_line else None
        with transaction.atomic():
            release(holder="elsewhere", actor="staff", now=desk.now, reason="cancelled")
        desk.act(late, "succeed")
        desk.hear()
        desk.work()
        if waiting is None:
            assert fresh(late).claim.state == "accepted"
            return
        assert waiting.state == "waitlisted"
        assert (fresh(late).claim.state, fresh(late).fulfilment.outcome) == ("expired", "given_back")
        assert refunds_of(late) == [("too_late", "succeeded", TOTAL)]
        promote_waitlist(campaign_id=waiting.campaign_id, now=desk.now)
        assert held(waiting) == 2

    def test_with_another_claim_by_now_the_money_goes_back(
        self, desk: Desk, late: Payment, make_claim: MakeClaim, tmp_path: Path
    ) -> None:
        import_roster(tmp_path, now=desk.now)
        make_claim(now=desk.now, service="express")
        desk.act(late, "succeed")
        desk.hear()
        desk.work()
        assert refunds_of(late) == [("too_late", "succeeded", TOTAL)]

    def test_the_banks_no_ends_it(self, desk: Desk, late: Payment) -> None:
        desk.act(late, "fail")
        desk.hear()
        assert (fresh(late).state, fresh(late).claim.state) == ("failed", "expired")


def test_the_banks_no_frees_the_keys_at_once(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    desk.act(payment, "later")
    desk.hear()
    desk.act(payment, "fail")
    desk.hear()
    assert (fresh(payment).state, fresh(payment).claim.state) == ("failed", "expired")
    assert held(dear_claim) == 0


class TestCancelling:
    def test_before_paying_ends_the_session(self, desk: Desk, dear_claim: Claim) -> None:
        payment = desk.offer(dear_claim)
        cancel_claim(code=dear_claim.code, actor="claimant", now=desk.now)
        desk.work()
        assert fresh(payment).state == "expired"
        assert [session["status"] for session in desk.vendor.sessions()] == ["expired"]

    def test_while_paying_gives_the_money_back(self, desk: Desk, dear_claim: Claim) -> None:
        payment = desk.offer(dear_claim)
        cancel_claim(code=dear_claim.code, actor="claimant", now=desk.now)
        desk.act(payment, "pay")
        desk.work()
        assert (fresh(payment).state, fresh(payment).fulfilment.outcome) == ("paid", "given_back")
        assert refunds_of(payment) == [("cancelled", "succeeded", TOTAL)]

    def test_after_paying_gives_the_money_back_once(self, desk: Desk, paid: Payment) -> None:
        cancel_claim(code=paid.claim.code, actor="claimant", now=desk.now)
        desk.work()
        for _ in range(3):
            desk.hear()
            settle_payment(payment_id=paid.pk, gateway=desk.gateway, now=desk.now)
            desk.work()
        assert refunds_of(paid) == [("cancelled", "succeeded", TOTAL)]
        assert [charge["refunded"] for charge in desk.vendor.ledger()] == [TOTAL]
        assert held(paid.claim) == 0
        assert verify_all().violations == []


class TestTheVendorMisbehaves:
    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("kind", ["drop", "html", "garbage"])
    def test_a_lost_answer_is_found_again_under_the_same_key(
        self, desk: Desk, dear_claim: Claim, kind: str, moment: str
    ) -> None:
        # The client repeats by itself, so it must fail more often than that.
        desk.vendor.add_fault(kind, method="POST", path="/checkout/sessions", moment=moment, count=3)
        with pytest.raises(CheckoutNotReady):
            desk.offer(dear_claim)
        assert Payment.objects.get().state == "planned"
        desk.vendor.clear_faults()
        payment = desk.offer(dear_claim)
        assert (payment.state, payment.attempt) == ("open", 1)
        assert len(desk.vendor.sessions()) == 1

    def test_a_failure_kept_under_the_key_needs_a_new_attempt(self, desk: Desk, dear_claim: Claim) -> None:
        desk.vendor.add_fault("status", status=500, method="POST", path="/checkout/sessions")
        with pytest.raises(CheckoutNotReady):
            desk.offer(dear_claim)
        assert Payment.objects.get().state == "void"
        assert desk.offer(dear_claim).attempt == 2
        assert len(desk.vendor.sessions()) == 1

    def test_a_failure_after_the_effect_is_found_by_looking(self, desk: Desk, dear_claim: Claim) -> None:
        desk.vendor.add_fault("status", status=500, method="POST", path="/checkout/sessions", moment="after")
        payment = desk.offer(dear_claim)
        assert (payment.state, payment.attempt) == ("open", 1)
        assert len(desk.vendor.sessions()) == 1

    def test_after_a_day_the_key_is_not_used_again(self, desk: Desk, dear_claim: Claim) -> None:
        desk.vendor.add_fault("drop", method="POST", path="/checkout/sessions", moment="after", count=3)
        with pytest.raises(CheckoutNotReady):
            desk.offer(dear_claim)
        desk.vendor.clear_faults()
        desk.pass_time(hours=25)
        desk.sweep()
        payment = Payment.objects.get()
        assert (payment.state, payment.claim.state) == ("expired", "expired")
        assert len(desk.vendor.sessions()) == 1

    def test_a_session_we_never_heard_of_is_adopted_by_its_event(self, desk: Desk, dear_claim: Claim) -> None:
        desk.vendor.add_fault("drop", method="POST", path="/checkout/sessions", moment="after", count=3)
        with pytest.raises(CheckoutNotReady):
            desk.offer(dear_claim)
        desk.vendor.clear_faults()
        (session,) = desk.vendor.sessions()
        desk.vendor.act(session["id"], "pay")
        desk.hear()
        payment = Payment.objects.get()
        assert (payment.session_id, payment.state, payment.claim.state) == (session["id"], "paid", "accepted")

    def test_a_refusal_opens_a_case_and_charges_nobody(self, desk: Desk, dear_claim: Claim) -> None:
        desk.vendor.add_fault(
            "status", status=403, code="account_closed", method="POST", path="/checkout/sessions"
        )
        with pytest.raises(CheckoutNotReady):
            desk.offer(dear_claim)
        assert Payment.objects.get().state == "void"
        assert Case.objects.get().reason == "checkout_refused"


def test_the_database_keeps_one_payment_under_way_per_claim(desk: Desk, dear_claim: Claim) -> None:
    payment = desk.offer(dear_claim)
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.create(
            claim=dear_claim,
            attempt=2,
            mode="test",
            amount=1,
            currency="USD",
            idempotency_key="co:x",
            expires_at=desk.now,
            created_at=desk.now,
            updated_at=desk.now,
        )
    assert payment.attempt == 1


def test_the_database_keeps_a_claim_from_being_served_twice(desk: Desk, paid: Payment) -> None:
    other = Payment.objects.create(
        claim=paid.claim,
        attempt=2,
        mode="test",
        amount=1,
        currency="USD",
        idempotency_key="co:x",
        expires_at=desk.now,
        created_at=desk.now,
        updated_at=desk.now,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Fulfilment.objects.create(
            payment=other, claim=paid.claim, outcome="accepted", amount=1, currency="USD", at=desk.now
        )


def test_the_pages_of_paying_take_few_queries(
    desk: Desk, dear_claim: Claim, sign_in_of: Callable[[str], User], django_assert_max_num_queries: Any
) -> None:
    client = Client()
    client.force_login(sign_in_of("m-owner"))

    def looks_at(*pages: str) -> None:
        for page in pages:
            with django_assert_max_num_queries(15), clock.reading(lambda: desk.now):
                assert client.get(f"/claims/{dear_claim.code}/{page}").status_code == 200, page

    looks_at("", "made/", "pay/")
    payment = desk.offer(dear_claim)
    desk.act(payment, "pay")
    desk.hear()
    looks_at("", "paid/", "paid/standing/", "receipt/")
