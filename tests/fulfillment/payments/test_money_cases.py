"""Payment cases at the desk: found, worked in their roles, answered with evidence; and refunds by hand."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from common import clock
from common.invariants import verify_all
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.cases.errors import BadCaseData, CaseTaken, UnknownCase
from fulfillment.cases.models import Case, CaseQuerySet
from fulfillment.cases.rules.playbooks import PAYMENT_ADVICE, CaseAction, CaseOutcome, playbook
from fulfillment.cases.rules.reasons import REASONS, CaseKind, CaseReason
from fulfillment.cases.services import take_case
from fulfillment.casework.services import payment_actions
from fulfillment.casework.services import shipment_actions as parcel_cases
from fulfillment.casework.services.cancellation import stop_parcels
from fulfillment.claims.models import Claim
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.payment_callbacks import request_undeliverable_refund
from fulfillment.payments.models import Dispute, Payment, Refund
from fulfillment.payments.services.cases import open_payment_case, settle_payment_case
from fulfillment.payments.services.refunds import refund_undeliverable
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.label_refunds import check_refunds
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.services.cases import open_case
from tests.desk.conftest import (
    StaffWith,
    _security_keys_are_tested_elsewhere,  # noqa: F401
    _sign_ins_are_not_recorded,  # noqa: F401
    make_staff,  # noqa: F401
    staff_with,  # noqa: F401
)
from tests.fulfillment.conftest import forget_jobs, waiting_jobs
from tests.fulfillment.payments.conftest import TOTAL, Desk, fresh, refunds_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at(desk: Desk) -> Iterator[None]:
    with clock.reading(lambda: desk.now):
        yield


@pytest.fixture
def carrier(desk: Desk) -> Iterator[EasyPostGateway]:
    made = EasyPostGateway(api_key="EZTKtests", api_base=desk.stand_in.easypost_url, mode="test", timeout_s=2)
    desk.stand_in.control.settings(journey="realistic")
    yield made
    made.close()


@pytest.fixture
def labelled(desk: Desk, paid: Payment, carrier: EasyPostGateway) -> LabelPurchase:
    """The first of the two parcels of the paid claim, with the labels of both bought at the stand-in."""
    purchase = ship_claim(claim_id=paid.claim_id, now=desk.now)
    assert purchase is not None
    for one in LabelPurchase.objects.all():
        assert buy_label(purchase_id=one.pk, gateway=carrier, worker="tests:1", now=desk.now) == "bought"
    forget_jobs()
    assert Shipment.objects.count() == 2, "three keys, and two go into a parcel"
    return LabelPurchase.objects.select_related("shipment").get(pk=purchase.pk)


def payment_cases() -> CaseQuerySet:
    return Case.objects.of_kind(CaseKind.PAYMENT)


def dispute(desk: Desk, payment: Payment) -> str:
    """The payer's bank asks for the money, and we hear of it; the vendor's id."""
    assert payment.payment_intent_id
    made = desk.vendor.dispute(payment.payment_intent_id)
    desk.hear()
    return str(made["id"])


def stop(desk: Desk, carrier: EasyPostGateway) -> int:
    jobs = waiting_jobs("shipping.stop_parcels")
    forget_jobs()
    return sum(stop_parcels(**job, gateway=carrier, now=desk.now) for job in jobs)


def wait_for_the_refunds(desk: Desk, carrier: EasyPostGateway) -> None:
    """The parcels stay where they are, and the carrier takes its time."""
    for label in LabelPurchase.objects.all():
        desk.stand_in.control.push(label.tracking_code, "pre_transit", halt=True)
    desk.pass_time(days=16)
    desk.stand_in.control.advance_to(desk.now)
    check_refunds(gateway=carrier, now=desk.now)


def post(client: Any, case: Case, action: str, seen: int = 0, **more: object) -> Any:
    return client.post(f"/desk/cases/money/{case.code}/work/", {"action": action, "seen": seen, **more})


def told() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("position").values_list("action", "subject"))


class TestADisputeStopsTheParcel:
    """Its label is bought, and nobody handed it over yet."""

    def test_the_label_goes_back_and_the_lost_claim_with_it(
        self, desk: Desk, paid: Payment, labelled: LabelPurchase, carrier: EasyPostGateway
    ) -> None:
        made = dispute(desk, paid)
        assert stop(desk, carrier) == 2
        desk.vendor.close_dispute(made, "lost")
        desk.hear()
        claim = Claim.objects.get()
        assert (claim.state, claim.held_at is None) == ("accepted", False), "its label is out still"
        assert payment_cases().get().closed_at is None
        wait_for_the_refunds(desk, carrier)
        desk.work()
        claim.refresh_from_db()
        assert claim.state == "cancelled"
        assert {one.state for one in LabelPurchase.objects.all()} == {"refunded"}
        assert payment_cases().get().outcome == "decided: lost"
        assert verify_all().violations == []

    def test_labels_whose_money_the_carrier_keeps_are_destroyed_from_the_case_and_the_lost_claim_ends(
        self,
        desk: Desk,
        paid: Payment,
        labelled: LabelPurchase,
        carrier: EasyPostGateway,
        staff_with: StaffWith,
    ) -> None:
        desk.stand_in.control.settings(journey="realistic", refund_days=0, refund_outcome="rejected")
        made = dispute(desk, paid)
        assert stop(desk, carrier) == 2
        desk.vendor.close_dispute(made, "lost")
        desk.hear()
        for _ in range(4):
            desk.pass_time(days=2)
            desk.stand_in.control.advance_to(desk.now)
            check_refunds(gateway=carrier, now=desk.now)
        desk.work()
        claim, client = Claim.objects.get(), staff_with(Role.REVIEWER)
        assert (claim.state, claim.held_at is None) == ("accepted", False)
        money = payment_cases().get()
        refused = list(Case.objects.open().of_kind(CaseKind.SHIPMENT).filter(reason="refund_refused"))
        page = client.get(f"/desk/cases/money/{money.code}/").content.decode()
        assert len(refused) == 2
        for case in refused:
            url = f"/desk/cases/{case.code}/"
            assert url in page, "the case about money leads to what keeps it open"
            offered = client.get(url).content.decode()
            assert "Destroy the label and keep the parcel here" in offered
            assert "Remove the label from the parcel" in offered
            closing = {"action": "close", "seen": 0, "outcome": "no_fault"}
            answer = client.post(f"{url}work/", closing)
            assert (answer.status_code, "Destroy the label first" in answer.content.decode()) == (409, True)
            sent = client.post(f"{url}work/", {"action": "give_up_label", "seen": 0, "note": "torn up"})
            assert sent.status_code == 302
        desk.work()
        claim.refresh_from_db()
        assert claim.state == "cancelled"
        money.refresh_from_db()
        assert money.outcome == "decided: lost"
        assert told() == [("case_give_up_label", case.code) for case in refused]
        assert verify_all().violations == []

    def test_one_that_is_won_goes_on_with_a_new_label(
        self, desk: Desk, paid: Payment, labelled: LabelPurchase, carrier: EasyPostGateway
    ) -> None:
        made = dispute(desk, paid)
        stop(desk, carrier)
        wait_for_the_refunds(desk, carrier)
        desk.vendor.close_dispute(made, "won")
        desk.hear()
        claim = Claim.objects.get()
        assert (claim.state, claim.held_at, claim.label_started_at) == ("accepted", None, None)
        assert ship_claim(claim_id=claim.pk, now=desk.now) is not None
        for one in LabelPurchase.objects.filter(state="planned"):
            buy_label(purchase_id=one.pk, gateway=carrier, worker="tests:1", now=desk.now)
        assert LabelPurchase.objects.filter(state="bought").count() == 2

    def test_what_is_with_the_carrier_goes_its_way_and_is_the_evidence(
        self,
        desk: Desk,
        paid: Payment,
        labelled: LabelPurchase,
        carrier: EasyPostGateway,
        staff_with: StaffWith,
    ) -> None:
        made = dispute(desk, paid)
        Shipment.objects.filter(pk=labelled.shipment_id).update(state="in_transit")
        assert stop(desk, carrier) == 1, "the other one is still here"
        assert LabelPurchase.objects.get(pk=labelled.pk).state == "bought"
        case = payment_cases().get()
        page = staff_with(Role.REVIEWER).get(f"/desk/cases/money/{case.code}/").content.decode()
        for shown in (
            made,
            labelled.tracking_code,
            labelled.carrier,
            "$54.00",
            Dispute.objects.get().reason,
            "Extra key",
        ):
            assert shown in page, shown
        assert "Montgomery" not in page
        assert "owner@example.org" not in page


class TestAtTheDesk:
    @pytest.fixture
    def failed(self, desk: Desk, paid: Payment) -> Case:
        """The refund of a cancelled claim came back from the bank."""
        cancel_claim(code=paid.claim.code, actor="claimant", now=desk.now)
        desk.work()
        refund = Refund.objects.get()
        assert refund.vendor_id
        desk.vendor.fail_refund(refund.vendor_id)
        desk.hear()
        return payment_cases().get()

    def test_it_is_counted_listed_and_found(
        self,
        desk: Desk,
        failed: Case,
        staff_with: StaffWith,
    ) -> None:
        client = staff_with(Role.VIEWER)
        today = re.sub(r"\s+", " ", client.get("/desk/").content.decode())
        assert re.search(r"Open payment cases</a> </dt> <dd class=\"figure\"> 1", today)
        assert failed.code in client.get("/desk/cases/money/").content.decode()
        assert "Payments" in client.get("/desk/cases/").content.decode()
        assert (
            failed.code in client.get(f"/desk/search/?q={failed.code.lower()}", follow=True).content.decode()
        )
        late = client.get("/desk/cases/money/?late=1").content.decode()
        assert failed.code not in late
        desk.pass_time(days=2)
        assert failed.code in client.get("/desk/cases/money/?late=1").content.decode()

    def test_it_costs_the_same_queries_however_much_there_is(
        self,
        desk: Desk,
        failed: Case,
        staff_with: StaffWith,
        django_assert_max_num_queries: Any,
    ) -> None:
        client = staff_with(Role.MANAGER)
        client.get("/desk/cases/money/")
        for number in range(5):
            open_payment_case(about=f"cs_{number}", reason=CaseReason.UNKNOWN_MONEY, now=desk.now)
        with django_assert_max_num_queries(5):
            client.get("/desk/cases/money/")
        with django_assert_max_num_queries(16):
            client.get(f"/desk/cases/money/{failed.code}/")

    def test_a_refund_that_came_back_is_sent_again_by_who_may(
        self,
        desk: Desk,
        paid: Payment,
        failed: Case,
        staff_with: StaffWith,
    ) -> None:
        reviewer, manager = staff_with(Role.REVIEWER), staff_with(Role.MANAGER, username="kim")
        assert (
            "Send the refund again" not in reviewer.get(f"/desk/cases/money/{failed.code}/").content.decode()
        )
        refused = post(reviewer, failed, "send_again")
        assert (refused.status_code, "programme manager" in refused.content.decode()) == (403, True)
        assert Refund.objects.count() == 1
        assert post(manager, failed, "send_again", note="They have a new card.").status_code == 302
        desk.work()
        assert refunds_of(paid) == [("cancelled", "failed", TOTAL), ("cancelled", "succeeded", TOTAL)]
        failed.refresh_from_db()
        assert (failed.outcome, failed.closed_by) == ("sent_again", "staff:kim")
        assert told() == [("money_send_again", failed.code)]
        # A nervous hand does not send it twice.
        assert post(manager, failed, "send_again").status_code == 409
        assert Refund.objects.count() == 2
        assert verify_all().violations == []

    def test_what_comes_back_a_second_time_is_a_second_case(self, desk: Desk, failed: Case) -> None:
        again = payment_actions.resend_refund(code=failed.code, actor="staff:kim", now=desk.now)
        desk.work()
        again.refresh_from_db()
        assert again.vendor_id
        desk.vendor.fail_refund(again.vendor_id)
        desk.hear()
        opened = payment_cases().open()
        assert [(case.reason, case.about) for case in opened] == [("refund_failed", again.code)]

    def test_money_paid_back_by_transfer_is_written_down(
        self,
        desk: Desk,
        failed: Case,
        staff_with: StaffWith,
    ) -> None:
        manager = staff_with(Role.MANAGER)
        assert post(manager, failed, "paid_otherwise").status_code == 422
        assert post(manager, failed, "paid_otherwise", reference="SEPA 2022-17").status_code == 302
        failed.refresh_from_db()
        assert failed.outcome == "paid_otherwise"
        assert "SEPA 2022-17" in manager.get(f"/desk/cases/money/{failed.code}/").content.decode()
        desk.sweep()
        desk.work()
        assert Refund.objects.count() == 1, "nothing is owed any more"
        assert verify_all().violations == []

    def test_two_people_at_one_case(self, failed: Case, staff_with: StaffWith) -> None:
        robin, kim = staff_with(Role.REVIEWER), staff_with(Role.MANAGER, username="kim")
        assert post(robin, failed, "take").status_code == 302
        stale = post(kim, failed, "close", outcome="no_fault")
        assert (stale.status_code, "since you opened" in stale.content.decode()) == (409, True)
        taken = post(kim, failed, "close", 1, outcome="no_fault")
        assert (taken.status_code, "staff:robin is working on case" in taken.content.decode()) == (409, True)
        assert post(kim, failed, "take", 1, take_over="on").status_code == 302
        assert post(kim, failed, "note", 2).status_code == 422
        assert post(kim, failed, "note", 2, note="Wrote to them.").status_code == 302
        assert post(kim, failed, "look", 3).status_code == 302
        assert waiting_jobs("payments.settle_claim") != []
        assert post(kim, failed, "close", 4, outcome="refunded_by_hand").status_code == 302
        assert post(kim, failed, "nonsense", 5).status_code == 422
        assert post(kim, failed, "answered", 5).status_code == 409
        failed.refresh_from_db()
        assert (failed.owner, failed.outcome) == ("staff:kim", "refunded_by_hand")

    def test_a_dispute_is_answered_or_left_with_a_word(
        self,
        desk: Desk,
        paid: Payment,
        staff_with: StaffWith,
    ) -> None:
        made = dispute(desk, paid)
        case, client = payment_cases().get(), staff_with(Role.REVIEWER)
        assert "on hold since" in client.get(f"/desk/cases/money/{case.code}/").content.decode()
        assert post(client, case, "answered", note="With the tracking number.").status_code == 302
        case.refresh_from_db()
        assert case.closed_at is None, "the bank has not decided"
        assert post(client, case, "close", 1, outcome="not_answered").status_code == 409
        desk.vendor.close_dispute(made, "won")
        desk.hear()
        case.refresh_from_db()
        assert (case.outcome, case.closed_by) == ("decided: won", "system:payments")


def test_what_nobody_may_do(desk: Desk) -> None:
    open_payment_case(about="cs_test_1", reason=CaseReason.UNKNOWN_MONEY, now=desk.now)
    case = payment_cases().get()
    with pytest.raises(UnknownCase):
        take_case(code="Q-NONE", actor="staff:1", now=desk.now)
    with pytest.raises(BadCaseData, match="Stripe's dashboard"):
        payment_actions.recheck_payment(code=case.code, actor="staff:1", now=desk.now)
    take_case(code=case.code, actor="staff:1", now=desk.now)
    with pytest.raises(CaseTaken):
        payment_actions.close_payment_case(
            code=case.code, outcome=CaseOutcome.NO_FAULT, actor="staff:2", now=desk.now
        )
    payment_actions.close_payment_case(
        code=case.code, outcome=CaseOutcome.NO_FAULT, actor="staff:1", now=desk.now
    )
    # It is found at every look, and was seen.
    assert not open_payment_case(about="cs_test_1", reason=CaseReason.UNKNOWN_MONEY, now=desk.now)
    assert not settle_payment_case(
        about="cs_test_1", reason=CaseReason.UNKNOWN_MONEY, outcome="x", now=desk.now
    )


@pytest.mark.parametrize("reason", sorted(REASONS[CaseKind.PAYMENT]))
def test_every_reason_says_what_to_do_and_offers_it(reason: CaseReason) -> None:
    assert PAYMENT_ADVICE[reason]
    assert {CaseAction.TAKE, CaseAction.NOTE, CaseAction.CLOSE} <= set(playbook(CaseKind.PAYMENT, reason))


class TestRefundsByHand:
    def send(self, client: Any, payment: Payment, **form: object) -> Any:
        given = {"seen": 0, "amount": "29.00", "reason": "short", "note": "One key short.", **form}
        return client.post(f"/desk/claims/{payment.claim.code}/refund/", given)

    def test_one_key_short(self, desk: Desk, paid: Payment, staff_with: StaffWith) -> None:
        client = staff_with(Role.MANAGER)
        assert (
            "$54.00 can still be refunded" in client.get(f"/desk/claims/{paid.claim.code}/").content.decode()
        )
        assert self.send(client, paid).status_code == 302
        # Sent twice by a nervous hand, it goes once.
        assert self.send(client, paid).status_code == 409
        desk.work()
        assert refunds_of(paid) == [("short", "succeeded", 2900)]
        assert told() == [("refund_sent", paid.claim.code)]

    @pytest.mark.parametrize(
        ("form", "status"),
        [
            ({"amount": "54.01"}, 409),
            ({"amount": "29.001"}, 422),
            ({"amount": "-1"}, 422),
            ({"amount": "<b>"}, 422),
            ({"amount": "1e9"}, 409),
            ({"amount": "NaN"}, 422),
            ({"reason": "twice"}, 422),
            ({"note": ""}, 422),
            ({"seen": ""}, 422),
        ],
    )
    def test_bad_amounts_and_reasons_send_nothing(
        self,
        paid: Payment,
        staff_with: StaffWith,
        form: dict[str, object],
        status: int,
    ) -> None:
        assert self.send(staff_with(Role.MANAGER), paid, **form).status_code == status
        assert not Refund.objects.exists()
        assert told() == []

    def test_nothing_goes_back_for_what_was_not_paid(
        self,
        desk: Desk,
        dear_claim: Claim,
        staff_with: StaffWith,
    ) -> None:
        payment = desk.offer(dear_claim)
        assert self.send(staff_with(Role.MANAGER), payment).status_code == 409


class TestWhatCannotBeDelivered:
    """The money goes back without being asked for."""

    def test_a_parcel_that_is_written_off(self, desk: Desk, paid: Payment, labelled: LabelPurchase) -> None:
        Shipment.objects.update(state="in_transit")
        for parcel in Shipment.objects.order_by("pk"):
            assert waiting_jobs("payments.refund_undeliverable") == [], "the other may still arrive"
            open_case(shipment=parcel, reason=CaseReason.LOST, now=desk.now)
            parcel_cases.write_off(code=parcel.cases.get().code, actor="staff:1", now=desk.now)
        assert waiting_jobs("payments.refund_undeliverable") == [{"claim_id": paid.claim_id}]
        for _ in range(2):  # a job may come twice
            refund_undeliverable(claim_id=paid.claim_id, now=desk.now)
        desk.work()
        assert refunds_of(paid) == [("undeliverable", "succeeded", TOTAL)]

    def test_one_that_is_not_sent_after_all(self, desk: Desk, paid: Payment) -> None:
        purchase = ship_claim(claim_id=paid.claim_id, now=desk.now)
        assert purchase is not None
        LabelPurchase.objects.update(state="failed")
        Claim.objects.filter(pk=paid.claim_id).update(label_started_at=None)
        open_case(shipment=purchase.shipment, reason=CaseReason.NO_RATE, now=desk.now)
        code = purchase.shipment.cases.get().code
        parcel_cases.close_shipment_case(
            code=code, outcome=CaseOutcome.NOT_SENT, actor="staff:1", now=desk.now, note="Nobody goes there."
        )
        desk.work()
        assert fresh(paid).claim.state == "cancelled"
        assert refunds_of(paid) == [("cancelled", "succeeded", TOTAL)]
        desk.pass_time(days=1)
        assert verify_all().violations == []

    def test_what_was_free_asks_for_nothing(self, make_claim: Any, stock: None) -> None:
        claim = make_claim()
        with transaction.atomic():
            request_undeliverable_refund(claim)
        assert waiting_jobs("payments.refund_undeliverable") == []
