"""A claim is held back after its label was begun: nothing is bought, packed or handed over, the label goes back."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from common import invariants
from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseOutcome
from fulfillment.casework.services import shipment_actions
from fulfillment.casework.services.cancellation import stop_parcels
from fulfillment.casework.services.stalled_work import restart_stalled_work
from fulfillment.claims.models import Claim
from fulfillment.claims.services.payment_callbacks import hold_claim, release_hold
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.label_batches import waiting_claims, waiting_purchases
from fulfillment.postage.services.label_reconciliation import audit_labels
from fulfillment.postage.services.label_refunds import check_refunds
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.recovery import resolve_purchase
from fulfillment.postage.services.shipment_planning import plan_again, ship_claim
from fulfillment.shipments import errors
from fulfillment.shipments.models import LabelPurchase, Manifest, ParcelCharge, Shipment
from fulfillment.tracking.services.overdue import open_silent_cases
from fulfillment.warehouse.services import packing
from fulfillment.warehouse.services.manifests import hand_over_manifest, make_manifest
from fulfillment.warehouse.services.picking import make_pick_list
from sandbox.client import Control
from tests.fulfillment.conftest import (
    SETTLE,
    WORKER,
    Buy,
    Plan,
    accounts_of,
    cases_of,
    forget_jobs,
    fresh,
    waiting_jobs,
)
from tests.fulfillment.warehouse.scans import PACKER, serials, tracking_code
from tests.fulfillment.warehouse.test_manifests import pack_and_seal

pytestmark = pytest.mark.django_db

Stop = Callable[[], int]


@pytest.fixture(autouse=True)
def _parcels_move_as_they_do(vendor: Control) -> None:
    vendor.settings(journey="realistic")


def hold(purchase: LabelPurchase, *, now: datetime) -> Claim:
    claim = Claim.objects.get(pk=purchase.shipment.claim_id)
    with transaction.atomic():
        assert hold_claim(claim, why="disputed", now=now)
    return claim


@pytest.fixture
def stop(gateway: EasyPostGateway, now: datetime) -> Stop:
    """Work the jobs that stop parcels; for how many labels the money was asked back."""

    def stop() -> int:
        jobs = waiting_jobs("shipping.stop_parcels")
        forget_jobs()
        return sum(stop_parcels(**job, gateway=gateway, now=now) for job in jobs)

    return stop


def wait_for_the_refund(
    bought: LabelPurchase, *, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> datetime:
    """The parcel stays where it is, and the carrier takes its time; the moment then."""
    vendor.push(bought.tracking_code, "pre_transit", halt=True)
    later = now + timedelta(days=16)
    vendor.advance_to(later)
    check_refunds(gateway=gateway, now=later)
    return later


def refuse_the_refund(stop: Stop, *, gateway: EasyPostGateway, vendor: Control, now: datetime) -> datetime:
    """The label is asked back until the carrier has refused for good; the moment then."""
    vendor.settings(refund_days=0, refund_outcome="rejected")
    assert stop() == 1
    later = now
    for _ in range(4):
        later += timedelta(days=1, hours=1)
        vendor.advance(90_000)
        check_refunds(gateway=gateway, now=later)
    return later


def test_a_bought_label_goes_back_and_the_keys_stay(
    bought: LabelPurchase, stop: Stop, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    claim = hold(bought, now=now)
    assert waiting_jobs("shipping.stop_parcels") == [{"claim_id": claim.pk}]
    assert stop() == 1
    assert fresh(bought).state == "refund_requested"
    wait_for_the_refund(bought, gateway=gateway, vendor=vendor, now=now)
    assert (fresh(bought).state, fresh(bought).shipment.state) == ("refunded", "cancelled")
    claim.refresh_from_db()
    assert (claim.state, claim.label_started_at, claim.held_at) == ("accepted", None, now)
    assert accounts_of(claim) == ["reserved", "reserved"]
    # Whoever holds it is asked what is to become of it now.
    assert waiting_jobs("payments.settle_claim") == [{"claim_id": claim.pk}]
    assert [label["refund_status"] for label in vendor.labels()] == ["refunded"]


def test_nothing_of_it_is_sent_again_while_it_is_held_and_all_of_it_after(
    bought: LabelPurchase, stop: Stop, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    claim = hold(bought, now=now)
    stop()
    later = wait_for_the_refund(bought, gateway=gateway, vendor=vendor, now=now)
    forget_jobs()
    later += timedelta(days=30)
    restart_stalled_work(now=later)
    assert waiting_jobs("shipping.ship_claim") == waiting_jobs("shipping.stop_parcels") == []
    assert ship_claim(claim_id=claim.pk, now=later) is None
    assert waiting_claims() == []
    assert open_silent_cases(now=later) == 0
    claim.refresh_from_db()
    with transaction.atomic():
        assert release_hold(claim, now=later)
    assert waiting_jobs("shipping.ship_claim") == [{"claim_id": claim.pk}]
    again = ship_claim(claim_id=claim.pk, now=later)
    assert again is not None
    assert buy_label(purchase_id=again.pk, gateway=gateway, worker=WORKER, now=later) == "bought"


def test_a_claim_that_is_not_held_is_left_alone(
    bought: LabelPurchase, gateway: EasyPostGateway, now: datetime
) -> None:
    assert stop_parcels(claim_id=bought.shipment.claim_id, gateway=gateway, now=now) == 0
    assert fresh(bought).state == "bought"


def test_a_planned_label_is_never_bought(
    plan: Plan, buy: Buy, stop: Stop, vendor: Control, now: datetime
) -> None:
    purchase = plan()
    claim = hold(purchase, now=now)
    assert waiting_purchases() == []
    assert buy(purchase).state == "created", "it may be registered, which costs nothing"
    assert stop() == 0
    assert fresh(purchase).state == "retired"
    assert vendor.labels() == []
    claim.refresh_from_db()
    assert claim.label_started_at is None
    assert plan_again(shipment_id=purchase.shipment_id, now=now) is None


def test_one_in_doubt_is_found_out_and_then_stopped(
    plan: Plan, buy: Buy, stop: Stop, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    """The purchase was sent and its answer lost; the hold came between."""
    purchase = plan()
    vendor.add_fault("drop", method="POST", path="/shipments/*/buy", moment="after")
    assert buy(purchase).state == "buying"
    hold(purchase, now=now)
    assert stop() == 0
    state = resolve_purchase(
        purchase_id=purchase.pk, gateway=gateway, worker=WORKER, now=now + SETTLE + timedelta(seconds=1)
    )
    assert state == "bought"
    assert stop() == 1, "adopting the label asks for it to be stopped"
    assert fresh(purchase).state == "refund_requested"


def test_one_proved_unbought_is_not_bought_again(
    plan: Plan, buy: Buy, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    purchase = plan()
    vendor.add_fault("drop", method="POST", path="/shipments/*/buy", moment="before")
    assert buy(purchase).state == "buying"
    claim = hold(purchase, now=now)
    later = now
    for _ in range(3):
        later += SETTLE + timedelta(seconds=1)
        state = resolve_purchase(purchase_id=purchase.pk, gateway=gateway, worker=WORKER, now=later)
    assert state == "created"
    forget_jobs()
    restart_stalled_work(now=later)
    assert waiting_jobs("shipping.stop_parcels") == [{"claim_id": claim.pk}]
    assert waiting_jobs("shipping.buy_label") == []
    assert vendor.labels() == []


class TestOnTheFloor:
    def test_it_is_not_picked_or_packed(self, bought: LabelPurchase, now: datetime) -> None:
        hold(bought, now=now)
        with pytest.raises(errors.NothingToPick):
            make_pick_list(actor=PACKER, now=now)
        with pytest.raises(errors.NotToPack, match="payment is disputed"):
            packing.pack_unit(
                key="scan-0001",
                label=tracking_code(bought.shipment),
                serial=serials(bought.shipment)[0],
                actor=PACKER,
                now=now,
            )
        assert accounts_of(bought.shipment.claim) == ["reserved", "reserved"]

    def test_it_is_not_put_on_a_manifest(self, bought: LabelPurchase, now: datetime) -> None:
        pack_and_seal(bought.shipment, now=now)
        hold(bought, now=now)
        with pytest.raises(errors.NothingToHandOver) as refusal:
            make_manifest(carrier="USPS", actor=PACKER, now=now)
        assert [one.code for one in refusal.value.left_out] == ["held"]

    def test_it_comes_off_the_manifest_it_is_on(
        self, bought: LabelPurchase, stop: Stop, now: datetime
    ) -> None:
        pack_and_seal(bought.shipment, now=now)
        made = make_manifest(carrier="USPS", actor=PACKER, now=now, with_form=False).manifest
        claim = hold(bought, now=now)
        # The driver is at the door before a worker came to it.
        with pytest.raises(errors.ClaimsOnHold, match=bought.shipment.code):
            hand_over_manifest(code=made.code, actor=PACKER, now=now)
        assert stop() == 1
        assert fresh(bought).shipment.manifest_id is None
        assert Manifest.objects.get().state == "failed", "nothing else was on it"
        assert accounts_of(claim) == ["packed", "packed"], "until the refund is there"

    def test_one_whose_form_is_being_made_is_taken_off_when_it_is_there(
        self, bought: LabelPurchase, stop: Stop, gateway: EasyPostGateway, now: datetime
    ) -> None:
        pack_and_seal(bought.shipment, now=now)
        made = make_manifest(carrier="USPS", actor=PACKER, now=now, with_form=True).manifest
        Manifest.objects.filter(pk=made.pk).update(state="making", asked_at=now)
        hold(bought, now=now)
        assert stop() == 0
        Manifest.objects.filter(pk=made.pk).update(state="ready")
        restart_stalled_work(now=now)
        assert stop() == 1
        assert fresh(bought).shipment.manifest_id is None

    def test_what_the_carrier_has_is_left_to_it(
        self, bought: LabelPurchase, stop: Stop, now: datetime
    ) -> None:
        pack_and_seal(bought.shipment, now=now)
        made = make_manifest(carrier="USPS", actor=PACKER, now=now, with_form=False).manifest
        assert hand_over_manifest(code=made.code, actor=PACKER, now=now) == 1
        hold(bought, now=now)
        assert stop() == 0
        assert fresh(bought).state == "bought"
        assert Shipment.objects.get().handed_over_at == now

    def test_a_label_whose_refund_was_refused_is_not_used_while_it_is_held(
        self, bought: LabelPurchase, stop: Stop, gateway: EasyPostGateway, vendor: Control, now: datetime
    ) -> None:
        hold(bought, now=now)
        later = refuse_the_refund(stop, gateway=gateway, vendor=vendor, now=now)
        assert (fresh(bought).state, cases_of(bought)) == ("bought", ["refund_refused"])
        forget_jobs()
        restart_stalled_work(now=later)
        assert waiting_jobs("shipping.stop_parcels") == [], "it was asked for in vain"
        with pytest.raises(errors.NotToPack):
            packing.pack_unit(
                key="scan-0001",
                label=tracking_code(bought.shipment),
                serial=serials(bought.shipment)[0],
                actor=PACKER,
                now=later,
            )


class TestALabelThatIsWrittenOff:
    """Its refund was refused; a person destroys it, so that it no longer keeps the claim as it is."""

    @pytest.fixture
    def refused(
        self, bought: LabelPurchase, stop: Stop, gateway: EasyPostGateway, vendor: Control, now: datetime
    ) -> Case:
        pack_and_seal(bought.shipment, now=now)
        hold(bought, now=now)
        refuse_the_refund(stop, gateway=gateway, vendor=vendor, now=now)
        forget_jobs()
        return Case.objects.get(kind="shipment", reason="refund_refused")

    def test_the_keys_are_the_claims_again_and_its_hold_is_looked_at(
        self, refused: Case, bought: LabelPurchase, vendor: Control, gateway: EasyPostGateway, now: datetime
    ) -> None:
        later = now + timedelta(days=9)
        shipment_actions.give_up_label(code=refused.code, actor=PACKER, now=later)
        assert (fresh(bought).state, fresh(bought).shipment.state) == ("written_off", "cancelled")
        claim = Claim.objects.get()
        assert (claim.state, claim.label_started_at) == ("accepted", None)
        assert accounts_of(claim) == ["reserved", "reserved"]
        assert waiting_jobs("payments.settle_claim") == [{"claim_id": claim.pk}]
        assert waiting_jobs("shipping.ship_claim") == []
        refused.refresh_from_db()
        assert (refused.outcome, refused.closed_by) == ("label_lost", PACKER)
        assert not ParcelCharge.objects.exists(), "nothing came back"
        # Nothing is disputed here: that a claim is held is the tests' own doing.
        assert {one.invariant for one in invariants.verify_all().violations} <= {"I10"}
        # The vendor lists a label that we paid for and used for nothing; it is nobody's loss but ours.
        assert audit_labels(gateway=gateway, now=later).is_clean

    def test_a_claim_that_goes_on_gets_another_label(
        self, refused: Case, bought: LabelPurchase, vendor: Control, gateway: EasyPostGateway, now: datetime
    ) -> None:
        later = now + timedelta(days=9)
        with transaction.atomic():
            assert release_hold(Claim.objects.get(), now=later)
        shipment_actions.give_up_label(code=refused.code, actor=PACKER, now=later)
        claim = Claim.objects.get()
        assert waiting_jobs("shipping.ship_claim") == [{"claim_id": claim.pk}]
        again = ship_claim(claim_id=claim.pk, now=later)
        assert again is not None
        vendor.settings(refund_outcome="refunded")
        assert buy_label(purchase_id=again.pk, gateway=gateway, worker=WORKER, now=later) == "bought"
        assert invariants.verify_all().violations == []

    def test_it_cannot_be_closed_and_forgotten_while_the_claim_is_held(
        self, refused: Case, now: datetime
    ) -> None:
        with pytest.raises(BadCaseData, match="Destroy the label first"):
            shipment_actions.close_shipment_case(
                code=refused.code, outcome=CaseOutcome.NO_FAULT, actor=PACKER, now=now
            )
        refused.refresh_from_db()
        assert refused.closed_at is None
        with transaction.atomic():
            release_hold(Claim.objects.get(), now=now)
        shipment_actions.close_shipment_case(
            code=refused.code, outcome=CaseOutcome.NO_FAULT, actor=PACKER, now=now
        )

    def test_what_has_left_keeps_its_label(self, refused: Case, bought: LabelPurchase, now: datetime) -> None:
        Shipment.objects.update(state="in_transit")
        with pytest.raises(errors.LabelNotRefundable):
            shipment_actions.give_up_label(code=refused.code, actor=PACKER, now=now)
        assert fresh(bought).state == "bought"
        refused.refresh_from_db()
        assert (refused.closed_at, refused.owner) == (None, "")
