"""What carriers say of parcels: once in effect, in any order, and taken back now and then."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from common import clock, invariants
from fulfillment.cases.models import Case
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState
from fulfillment.models import Webhook, WebhookOutcome
from fulfillment.notices.models import Notice
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.recovery import resolve_purchases
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.models import LabelPurchase, TrackingUpdate
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.tracking.services import carrier_events
from fulfillment.tracking.services.carrier_events import (
    ask_silent_trackers,
    work_carrier_webhooks,
    work_webhook,
)
from fulfillment.vault.models import DataKey
from sandbox.client import Control
from tests.flushing import _flush_past_the_triggers  # noqa: F401
from tests.fulfillment.carrier_events import PRIVATE, post, stored, tracker_event
from tests.fulfillment.conftest import (
    WORKER,
    Buy,
    Plan,
    accounts_of,
    cases_of,
    fresh,
    labels_bought,
    movements_of,
    waiting_jobs,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("fulfillment.tracking.urls")]

Result = WebhookOutcome.Result
HOUR = timedelta(hours=1)


class Carrier:
    """Says something of one parcel, by webhook, and has it worked."""

    def __init__(self, purchase: LabelPurchase, gateway: EasyPostGateway, now: datetime) -> None:
        self.purchase, self.gateway, self.now = purchase, gateway, now

    def says(self, status: str, *, hours: float, **given: Any) -> str | None:
        at = self.now + hours * HOUR
        webhook = stored(tracker_event(self.purchase, status, at=at, **given))
        return work_webhook(webhook_id=webhook.pk, gateway=self.gateway, now=at)

    @property
    def parcel(self) -> str:
        return fresh(self.purchase).shipment.state

    @property
    def claim(self) -> Claim:
        return fresh(self.purchase).shipment.claim


@pytest.fixture
def carrier(bought: LabelPurchase, gateway: EasyPostGateway, now: datetime) -> Carrier:
    return Carrier(bought, gateway, now)


def mails(claim: Claim, template: str) -> int:
    return Notice.objects.filter(claim_code=claim.code, template=template).count()


def test_a_parcel_goes_from_the_desk_to_the_door(carrier: Carrier) -> None:
    assert carrier.says("pre_transit", hours=1) == Result.APPLIED
    assert carrier.parcel == ShipmentState.LABELLED
    assert carrier.says("in_transit", hours=20) == Result.APPLIED
    assert (carrier.parcel, carrier.claim.state) == (ShipmentState.IN_TRANSIT, ClaimState.SHIPPED)
    assert accounts_of(carrier.claim) == ["in_transit", "in_transit"]
    carrier.says("out_for_delivery", hours=60)
    assert carrier.says("delivered", hours=64, detail="arrived_at_destination") == Result.APPLIED
    assert (carrier.parcel, carrier.claim.state) == (ShipmentState.DELIVERED, ClaimState.DELIVERED)
    assert movements_of(carrier.claim) == ["receive", "reserve", "pack", "hand_over", "deliver"]
    assert cases_of(carrier.purchase) == []
    assert (mails(carrier.claim, "shipped"), mails(carrier.claim, "delivered")) == (1, 1)
    assert DataKey.objects.get(subject=carrier.claim.code).shred_after is not None
    assert invariants.verify_all().violations == []


@pytest.mark.parametrize(
    ("before", "status", "at_most"),
    [((), "pre_transit", 11), ((), "in_transit", 23), (("in_transit",), "delivered", 24)],
)
def test_a_webhook_is_worked_in_few_statements(
    before: tuple[str, ...],
    status: str,
    at_most: int,
    carrier: Carrier,
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[None]],
) -> None:
    for hours, said in enumerate(before, 1):
        carrier.says(said, hours=hours)
    at = carrier.now + 9 * HOUR
    webhook = stored(tracker_event(carrier.purchase, status, at=at))
    with django_assert_max_num_queries(at_most):
        assert work_webhook(webhook_id=webhook.pk, gateway=carrier.gateway, now=at) == Result.APPLIED


def test_a_delivery_without_a_scan_before_still_passes_through_the_carriers_hands(carrier: Carrier) -> None:
    carrier.says("delivered", hours=70)
    assert carrier.claim.state == ClaimState.DELIVERED
    assert movements_of(carrier.claim)[-2:] == ["hand_over", "deliver"]
    names = list(carrier.claim.events.order_by("id").values_list("name", flat=True))
    assert names[-2:] == [ClaimEvent.Name.SHIPPED, ClaimEvent.Name.DELIVERED]
    assert invariants.verify_all().violations == []


def test_case_9_an_older_word_that_comes_later_is_recorded_and_changes_nothing(carrier: Carrier) -> None:
    carrier.says("delivered", hours=70)
    assert carrier.says("in_transit", hours=20) == Result.STALE
    assert carrier.says("return_to_sender", hours=30) == Result.STALE
    assert carrier.parcel == ShipmentState.DELIVERED
    assert carrier.claim.state == ClaimState.DELIVERED
    assert list(TrackingUpdate.objects.order_by("said_at").values_list("status", "is_applied")) == [
        ("in_transit", False),
        ("return_to_sender", False),
        ("delivered", True),
    ]
    assert cases_of(carrier.purchase) == []
    assert invariants.verify_all().violations == []


def test_events_in_any_order_end_where_they_would_in_order(
    plan: Plan, buy: Buy, gateway: EasyPostGateway, now: datetime
) -> None:
    words = [("pre_transit", 1), ("in_transit", 20), ("out_for_delivery", 60), ("delivered", 64)]
    carrier = Carrier(buy(plan()), gateway, now)
    for status, hours in reversed(words):
        carrier.says(status, hours=hours)
    assert carrier.parcel == ShipmentState.DELIVERED
    assert invariants.verify_all().violations == []


def test_case_10_a_delivery_taken_back_reopens_the_claim_and_restocks_nothing(
    carrier: Carrier, vendor: Control
) -> None:
    carrier.says("delivered", hours=70)
    vendor.push(carrier.purchase.tracking_code, "return_to_sender", halt=True)
    assert carrier.says("return_to_sender", hours=90, detail="return") == Result.APPLIED
    assert (carrier.parcel, carrier.claim.state) == (ShipmentState.RETURNING, ClaimState.RETURNED)
    assert cases_of(carrier.purchase) == [Case.Reason.RETURNED]
    # With the carrier until somebody scans it in: neither available nor back.
    assert accounts_of(carrier.claim) == ["in_transit", "in_transit"]
    assert mails(carrier.claim, "problem") == 1
    assert invariants.verify_all().violations == []


def test_a_delivery_taken_back_is_confirmed_by_the_vendor_before_it_counts(
    carrier: Carrier, vendor: Control
) -> None:
    carrier.says("delivered", hours=70)
    vendor.push(carrier.purchase.tracking_code, "delivered", status_detail="status_update", halt=True)
    # The event says otherwise, but the tracker, asked, stands at delivered.
    carrier.says("in_transit", hours=90)
    assert (carrier.parcel, carrier.claim.state) == (ShipmentState.DELIVERED, ClaimState.DELIVERED)
    assert cases_of(carrier.purchase) == []
    assert invariants.verify_all().violations == []


def test_a_delivery_that_the_carrier_corrects_makes_a_case_and_no_second_mail(
    carrier: Carrier, vendor: Control
) -> None:
    carrier.says("delivered", hours=70)
    vendor.push(carrier.purchase.tracking_code, "in_transit", status_detail="status_update", halt=True)
    carrier.says("in_transit", hours=71)
    assert (carrier.parcel, carrier.claim.state) == (ShipmentState.IN_TRANSIT, ClaimState.SHIPPED)
    assert cases_of(carrier.purchase) == [Case.Reason.TRACKING_REVERSED]
    carrier.says("delivered", hours=95)
    assert carrier.claim.state == ClaimState.DELIVERED
    assert movements_of(carrier.claim)[-3:] == ["deliver", "correct", "deliver"]
    assert (mails(carrier.claim, "shipped"), mails(carrier.claim, "delivered")) == (1, 1)
    assert invariants.verify_all().violations == []


def test_case_11_a_second_delivered_with_another_time_makes_no_second_mail(carrier: Carrier) -> None:
    carrier.says("delivered", hours=70)
    carrier.says("delivered", hours=70.02)
    assert mails(carrier.claim, "delivered") == 1
    assert carrier.claim.events.filter(name=ClaimEvent.Name.DELIVERED).count() == 1
    assert movements_of(carrier.claim).count("deliver") == 1


def test_two_words_of_the_same_moment_are_settled_by_asking(carrier: Carrier, vendor: Control) -> None:
    vendor.push(carrier.purchase.tracking_code, "delivered", status_detail="status_update", halt=True)
    carrier.says("delivered", hours=70)
    carrier.says("in_transit", hours=70)
    assert carrier.parcel == ShipmentState.DELIVERED


def test_a_delivered_after_a_return_is_for_a_person_to_read(carrier: Carrier) -> None:
    carrier.says("in_transit", hours=20)
    carrier.says("return_to_sender", hours=60, detail="return")
    carrier.says("delivered", hours=90)
    assert (carrier.parcel, carrier.claim.state) == (ShipmentState.RETURNING, ClaimState.RETURNED)
    assert cases_of(carrier.purchase) == [Case.Reason.RETURNED, Case.Reason.TRACKING_REVERSED]
    assert mails(carrier.claim, "delivered") == 0
    assert invariants.verify_all().violations == []


def test_case_12_a_failure_makes_a_case_and_loses_nothing(carrier: Carrier) -> None:
    carrier.says("in_transit", hours=20)
    carrier.says("failure", hours=60, detail="failure")
    assert carrier.parcel == ShipmentState.IN_TRANSIT
    assert cases_of(carrier.purchase) == [Case.Reason.DELIVERY_PROBLEM]
    carrier.says("in_transit", hours=70)
    carrier.says("delivered", hours=90)
    assert carrier.claim.state == ClaimState.DELIVERED
    assert invariants.verify_all().violations == []


def test_a_lost_parcel_is_lost_in_the_ledger_and_found_again(carrier: Carrier, vendor: Control) -> None:
    carrier.says("failure", hours=60, detail="lost")
    assert carrier.parcel == ShipmentState.LOST
    assert accounts_of(carrier.claim) == ["lost", "lost"]
    vendor.push(carrier.purchase.tracking_code, "delivered", status_detail="status_update", halt=True)
    carrier.says("delivered", hours=200)
    assert (carrier.parcel, carrier.claim.state) == (ShipmentState.DELIVERED, ClaimState.DELIVERED)
    assert invariants.verify_all().violations == []


@pytest.mark.parametrize(
    ("status", "detail"), [("teleported", "status_update"), ("in_transit", "swallowed_by_whale")]
)
def test_a_word_nobody_knows_makes_a_case(status: str, detail: str, carrier: Carrier) -> None:
    assert carrier.says(status, hours=20, detail=detail) == Result.APPLIED
    assert cases_of(carrier.purchase) == [Case.Reason.UNKNOWN_STATUS]
    assert TrackingUpdate.objects.get().status == status


def test_an_event_about_nothing_of_ours_is_stored_and_unknown(carrier: Carrier) -> None:
    foreign = LabelPurchase(vendor_shipment_id=f"shp_{'a' * 32}", tracker_id=f"trk_{'b' * 32}")
    webhook = stored(tracker_event(foreign, "delivered", at=carrier.now))
    result = work_webhook(webhook_id=webhook.pk, gateway=carrier.gateway, now=carrier.now)
    assert result == Result.UNKNOWN
    assert TrackingUpdate.objects.count() == 0


def test_the_same_tracking_code_on_another_shipment_is_not_ours(carrier: Carrier) -> None:
    event = tracker_event(carrier.purchase, "delivered", at=carrier.now)
    event["result"] |= {"shipment_id": f"shp_{'a' * 32}", "id": f"trk_{'b' * 32}"}
    webhook = stored(event)
    assert work_webhook(webhook_id=webhook.pk, gateway=carrier.gateway, now=carrier.now) == Result.UNKNOWN


def test_case_23_an_event_of_the_other_mode_is_stored_and_not_applied(carrier: Carrier) -> None:
    assert carrier.says("delivered", hours=20, mode="production") == Result.WRONG_MODE
    assert carrier.parcel == ShipmentState.LABELLED


def test_an_event_of_another_kind_is_ignored(carrier: Carrier) -> None:
    assert carrier.says("delivered", hours=20, description="batch.updated") == Result.IGNORED
    assert carrier.parcel == ShipmentState.LABELLED


def test_an_event_is_worked_once(carrier: Carrier) -> None:
    webhook = stored(tracker_event(carrier.purchase, "in_transit", at=carrier.now + HOUR))
    work = {"webhook_id": webhook.pk, "gateway": carrier.gateway, "now": carrier.now + HOUR}
    assert work_webhook(**work) == Result.APPLIED  # type: ignore[arg-type]
    assert work_webhook(**work) is None  # type: ignore[arg-type]
    assert TrackingUpdate.objects.count() == 1


def test_nothing_private_of_an_event_is_stored(carrier: Carrier) -> None:
    webhook = stored(tracker_event(carrier.purchase, "delivered", at=carrier.now))
    text = json.dumps(webhook.body)
    assert [word for word in PRIVATE if word in text] == []
    assert set(webhook.body) == {"tracker", "shipment", "status", "detail", "scanned_at", "expected_at"}


def test_case_1_an_event_that_overtakes_the_answer_adopts_the_label_at_once(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway, now: datetime
) -> None:
    vendor.add_fault("drop", method="POST", path="/shipments/*/buy", moment="after")
    purchase = buy(plan())
    assert purchase.state == PurchaseState.BUYING
    event = tracker_event(purchase, "pre_transit", at=now, description="tracker.created")
    result = work_webhook(webhook_id=stored(event).pk, gateway=gateway, now=now)
    assert result == Result.APPLIED
    assert fresh(purchase).state == PurchaseState.BOUGHT
    assert labels_bought(vendor, purchase.pk) == 1
    assert resolve_purchases(gateway=gateway, worker=WORKER, now=now + 24 * HOUR) == 0
    assert movements_of(purchase.shipment.claim) == ["receive", "reserve"]
    assert invariants.verify_all().violations == []


def test_an_event_waits_while_the_vendor_cannot_be_asked(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway, now: datetime
) -> None:
    vendor.add_fault("drop", method="POST", path="/shipments/*/buy", moment="after")
    purchase = buy(plan())
    vendor.add_fault("status", status=503, method="GET", path="/shipments/*")
    webhook = stored(tracker_event(purchase, "in_transit", at=now))
    with pytest.raises(GatewayError):
        work_webhook(webhook_id=webhook.pk, gateway=gateway, now=now)
    vendor.add_fault("status", status=503, method="GET", path="/shipments/*")
    assert work_carrier_webhooks(gateway=gateway, now=now) == 0
    vendor.clear_faults()
    assert work_carrier_webhooks(gateway=gateway, now=now) == 1
    assert webhook.outcome.result == Result.APPLIED


def test_a_label_we_hold_for_unbought_raises_an_alarm_when_it_moves(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway, now: datetime
) -> None:
    vendor.add_fault(
        "status", status=422, code="SHIPMENT.POSTAGE.FAILURE", method="POST", path="/shipments/*/buy"
    )
    purchase = buy(plan())
    assert purchase.state == PurchaseState.FAILED
    Case.objects.update(closed_at=now, outcome="closed")
    webhook = stored(tracker_event(purchase, "in_transit", at=now))
    work_webhook(webhook_id=webhook.pk, gateway=gateway, now=now)
    assert purchase.shipment.cases.filter(closed_at=None).get().reason == Case.Reason.PURCHASE_UNKNOWN
    assert fresh(purchase).shipment.state == ShipmentState.PLANNED


def test_a_tracker_silent_for_two_days_is_asked_and_heals_what_webhooks_missed(
    carrier: Carrier, vendor: Control
) -> None:
    carrier.says("in_transit", hours=20)
    vendor.push(carrier.purchase.tracking_code, "delivered", status_detail="status_update", halt=True)
    assert ask_silent_trackers(gateway=carrier.gateway, now=carrier.now + 60 * HOUR) == 0
    assert ask_silent_trackers(gateway=carrier.gateway, now=carrier.now + 69 * HOUR) == 1
    assert carrier.claim.state == ClaimState.DELIVERED
    # The event that comes after all is no news, or old news.
    assert carrier.says("delivered", hours=70) == Result.APPLIED
    assert carrier.says("out_for_delivery", hours=15) == Result.STALE
    assert mails(carrier.claim, "delivered") == 1
    assert ask_silent_trackers(gateway=carrier.gateway, now=carrier.now + 999 * HOUR) == 0
    assert invariants.verify_all().violations == []


def test_a_parcel_silent_far_beyond_its_promise_makes_a_case(carrier: Carrier, vendor: Control) -> None:
    vendor.push(carrier.purchase.tracking_code, "in_transit", status_detail="status_update", halt=True)
    carrier.says("in_transit", hours=20)
    for days in (5, 10, 30, 33):
        ask_silent_trackers(gateway=carrier.gateway, now=carrier.now + timedelta(days=days))
    assert cases_of(carrier.purchase) == [Case.Reason.SILENT]


def test_a_webhook_left_unworked_for_an_hour_breaks_i12(carrier: Carrier) -> None:
    webhook = stored(tracker_event(carrier.purchase, "in_transit", at=carrier.now))
    with clock.reading(lambda: webhook.received_at + timedelta(minutes=61)):
        violations = invariants.verify_all().violations
    assert [(found.invariant, found.ids) for found in violations] == [("I12", [webhook.event_id])]


@pytest.mark.django_db(transaction=True)
def test_case_8_the_same_event_five_times_at_once_has_one_effect_and_five_2xx(carrier: Carrier) -> None:
    event = tracker_event(carrier.purchase, "in_transit", at=carrier.now + HOUR)
    answers: list[int] = []
    results: list[str | None] = []
    ready = threading.Barrier(5)

    def deliver() -> None:
        try:
            ready.wait()
            answers.append(post(event).status_code)
            ready.wait()
            webhook = Webhook.objects.get(event_id=event["id"])
            ready.wait()
            results.append(
                work_webhook(webhook_id=webhook.pk, gateway=carrier.gateway, now=carrier.now + HOUR)
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [204] * 5
    assert sorted(results, key=str) == [None, None, None, None, Result.APPLIED]
    assert Webhook.objects.count() == 1
    assert len(waiting_jobs("shipping.work_webhooks")) == 1
    assert TrackingUpdate.objects.count() == 1
    assert movements_of(carrier.claim) == ["receive", "reserve", "pack", "hand_over"]
    assert mails(carrier.claim, "shipped") == 1
    assert invariants.verify_all().violations == []


def test_a_burst_is_worked_in_the_vendors_order_whatever_order_it_came_in(carrier: Carrier) -> None:
    told = [("delivered", 3), ("in_transit", 1), ("out_for_delivery", 2)]
    for status, hours in told:
        stored(tracker_event(carrier.purchase, status, at=carrier.now + hours * HOUR))
    assert work_carrier_webhooks(gateway=carrier.gateway, now=carrier.now + 4 * HOUR) == 3
    updates = TrackingUpdate.objects.order_by("id").values_list("status", "is_applied")
    assert list(updates) == [("in_transit", True), ("out_for_delivery", True), ("delivered", True)]
    assert work_carrier_webhooks(gateway=carrier.gateway, now=carrier.now + 4 * HOUR) == 0


@pytest.mark.django_db(transaction=True)
def test_a_tracker_that_another_worker_has_in_hand_is_left_to_it(carrier: Carrier) -> None:
    stored(tracker_event(carrier.purchase, "in_transit", at=carrier.now + HOUR))
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute(
            "SELECT pg_advisory_lock(%s, hashtext(%s))",
            [carrier_events.WEBHOOK_LOCK, carrier.purchase.tracker_id],
        )
        assert work_carrier_webhooks(gateway=carrier.gateway, now=carrier.now + HOUR) == 0
        # Closing the connection would give it back too, when the server comes to it.
        other.execute("SELECT pg_advisory_unlock_all()")
    assert work_carrier_webhooks(gateway=carrier.gateway, now=carrier.now + HOUR) == 1
