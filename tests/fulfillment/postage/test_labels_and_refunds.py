"""What follows a purchase: the label's file, the money back, and the vendor's events end to end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from common import clock, invariants
from fulfillment.cases.models import Case
from fulfillment.casework.services.stalled_work import restart_stalled_work
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.models import Webhook, WebhookOutcome
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.label_files import fetch_label, label_name
from fulfillment.postage.services.label_refunds import check_refunds, refund_unused, request_refund
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.errors import LabelNotRefundable
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.tracking.services.carrier_events import work_webhook
from fulfillment.vault.models import EncryptedDocument
from fulfillment.vault.services import Purpose, open_label, shred
from sandbox.client import Control
from tests.conftest import MakeClaim
from tests.flushing import _flush_past_the_triggers  # noqa: F401
from tests.fulfillment.carrier_events import stored, tracker_event
from tests.fulfillment.conftest import (
    Buy,
    Plan,
    accounts_of,
    cases_of,
    forget_jobs,
    fresh,
    waiting_jobs,
)

pytestmark = pytest.mark.django_db


def test_a_label_is_sealed_in_the_vault_and_nowhere_else(
    bought: LabelPurchase, gateway: EasyPostGateway, now: datetime
) -> None:
    assert fetch_label(purchase_id=bought.pk, gateway=gateway, now=now) is True
    assert fetch_label(purchase_id=bought.pk, gateway=gateway, now=now) is False
    claim = bought.shipment.claim
    content = open_label(
        subject=claim.code, name=label_name(bought), purpose=Purpose.LABEL, actor="staff", now=now
    )
    assert content.startswith(b"\x89PNG")
    sealed = EncryptedDocument.objects.get(kind=EncryptedDocument.Kind.LABEL)
    assert b"PNG" not in bytes(sealed.ciphertext)
    assert len(fresh(bought).label_sha256) == 64


def test_a_label_of_a_shredded_address_is_not_kept(
    bought: LabelPurchase, gateway: EasyPostGateway, now: datetime
) -> None:
    shred(subject=bought.shipment.claim.code, now=now)
    assert fetch_label(purchase_id=bought.pk, gateway=gateway, now=now) is False
    assert EncryptedDocument.objects.count() == 0


def test_a_label_whose_address_expired_is_tried_at_the_one_the_vendor_names_now(
    bought: LabelPurchase, gateway: EasyPostGateway, now: datetime
) -> None:
    LabelPurchase.objects.update(label_url=bought.label_url.replace("/files/", "/expired/"))
    assert fetch_label(purchase_id=bought.pk, gateway=gateway, now=now) is True


def test_a_label_that_is_gone_for_good_is_an_error_and_swept_up_later(
    bought: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(label_url_seconds=60)
    later = now + timedelta(hours=1)
    vendor.set_clock(later)
    with pytest.raises(GatewayError):
        fetch_label(purchase_id=bought.pk, gateway=gateway, now=later)
    forget_jobs()
    restart_stalled_work(now=later)
    assert waiting_jobs("shipping.fetch_label") == [{"purchase_id": str(bought.pk)}]


def test_a_refund_is_asked_for_settles_later_and_frees_parcel_and_claim(
    bought: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(journey="realistic")
    assert request_refund(purchase_id=bought.pk, gateway=gateway, now=now) == "submitted"
    assert fresh(bought).state == PurchaseState.REFUND_REQUESTED
    vendor.push(bought.tracking_code, "pre_transit", halt=True)
    later = now + timedelta(days=16)
    vendor.advance_to(later)
    assert check_refunds(gateway=gateway, now=later) == 1
    refunded = fresh(bought)
    assert (refunded.state, refunded.shipment.state) == (PurchaseState.REFUNDED, ShipmentState.CANCELLED)
    assert accounts_of(refunded.shipment.claim) == ["reserved", "reserved"]
    assert refunded.shipment.claim.label_started_at is None
    assert invariants.verify_all().violations == []


def test_case_14_a_refund_rejected_because_the_parcel_was_scanned_is_booked_as_a_loss(
    bought: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.push(bought.tracking_code, "in_transit", halt=True)
    assert request_refund(purchase_id=bought.pk, gateway=gateway, now=now) == "rejected"
    # Perhaps it only came too early, as far as we know: it is asked for again until the scan arrives.
    assert fresh(bought).state == PurchaseState.REFUND_REQUESTED
    Shipment.objects.filter(pk=bought.shipment_id).update(state=ShipmentState.IN_TRANSIT)
    check_refunds(gateway=gateway, now=now + timedelta(days=1))
    assert (fresh(bought).state, fresh(bought).refund_attempts) == (PurchaseState.BOUGHT, 1)
    assert cases_of(bought) == [Case.Reason.REFUND_REFUSED]


def test_case_14_a_refund_rejected_too_early_is_asked_for_three_times_and_then_a_loss(
    plan: Plan, buy: Buy, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(refund_outcome="rejected", refund_days=0, journey="realistic")
    bought = buy(plan())
    request_refund(purchase_id=bought.pk, gateway=gateway, now=now)
    attempts = []
    for day in range(1, 5):
        at = now + timedelta(days=day)
        vendor.advance_to(at)
        check_refunds(gateway=gateway, now=at)
        attempts.append((fresh(bought).state, fresh(bought).refund_attempts))
    asked, lost = PurchaseState.REFUND_REQUESTED, PurchaseState.BOUGHT
    assert attempts == [(asked, 2), (asked, 3), (lost, 3), (lost, 3)]
    assert cases_of(bought) == [Case.Reason.REFUND_REFUSED]


def test_case_14_nothing_is_asked_for_when_the_carriers_window_closes(
    bought: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(refund_outcome="rejected", refund_days=0, journey="realistic")
    assert bought.carrier == "USPS"
    late = now + timedelta(days=28)
    request_refund(purchase_id=bought.pk, gateway=gateway, now=late)
    vendor.set_clock(now)
    vendor.advance_to(late + timedelta(days=1))
    check_refunds(gateway=gateway, now=late + timedelta(days=1))
    assert (fresh(bought).state, fresh(bought).refund_attempts) == (PurchaseState.BOUGHT, 1)


def test_a_label_nobody_used_is_given_back_before_its_carriers_window_closes(
    bought: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(refund_days=1)
    in_time = now + timedelta(days=27)
    assert refund_unused(gateway=gateway, now=in_time - timedelta(seconds=1)) == 0
    assert refund_unused(gateway=gateway, now=in_time) == 1
    assert refund_unused(gateway=gateway, now=in_time) == 0
    assert fresh(bought).state == PurchaseState.REFUND_REQUESTED
    assert cases_of(bought) == [Case.Reason.SILENT]
    LabelPurchase.objects.update(state=PurchaseState.BOUGHT, refund_attempts=1)
    assert refund_unused(gateway=gateway, now=in_time) == 0


def test_a_refund_whose_answer_was_lost_is_found_out_by_asking(
    bought: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.add_fault("drop", method="POST", path="/shipments/*/refund", moment="before")
    with pytest.raises(GatewayError):
        request_refund(purchase_id=bought.pk, gateway=gateway, now=now)
    assert fresh(bought).state == PurchaseState.REFUND_REQUESTED
    assert check_refunds(gateway=gateway, now=now + timedelta(hours=1)) == 0
    assert check_refunds(gateway=gateway, now=now + timedelta(hours=24)) == 1
    assert vendor.labels()[0]["refund_status"] == "submitted"


@pytest.mark.urls("fulfillment.tracking.urls")
def test_the_event_of_a_refund_settles_it(
    bought: LabelPurchase, gateway: EasyPostGateway, now: datetime
) -> None:
    request_refund(purchase_id=bought.pk, gateway=gateway, now=now)
    event = tracker_event(bought, "refunded", at=now, description="refund.successful")
    event["result"] = {"object": "Refund", "shipment_id": bought.vendor_shipment_id, "status": "refunded"}
    webhook = stored(event)
    assert work_webhook(webhook_id=webhook.pk, gateway=gateway, now=now) == "applied"
    assert fresh(bought).state == PurchaseState.REFUNDED
    assert invariants.verify_all().violations == []


def test_what_is_not_bought_or_has_left_is_not_refunded(
    plan: Plan, gateway: EasyPostGateway, now: datetime
) -> None:
    purchase = plan()
    with pytest.raises(LabelNotRefundable):
        request_refund(purchase_id=purchase.pk, gateway=gateway, now=now)
    assert fresh(purchase).state == PurchaseState.PLANNED


def test_a_claim_whose_job_was_lost_is_swept_up(make_claim: MakeClaim, stock: None, now: datetime) -> None:
    claim = make_claim()
    assert restart_stalled_work(now=now + timedelta(hours=1)) == 0
    forget_jobs()
    assert restart_stalled_work(now=now + timedelta(minutes=1)) == 0
    assert restart_stalled_work(now=now + timedelta(hours=1)) == 1
    assert waiting_jobs("shipping.ship_claim") == [{"claim_id": claim.pk}]
    assert restart_stalled_work(now=now + timedelta(hours=1)) == 0


def test_a_planned_purchase_whose_job_was_lost_is_swept_up(plan: Plan, now: datetime) -> None:
    purchase = plan()
    forget_jobs()
    assert restart_stalled_work(now=now + timedelta(hours=1)) == 1
    assert waiting_jobs("shipping.buy_label") == [{"purchase_id": str(purchase.pk)}]


def test_the_parcel_of_a_claim_given_up_while_it_had_a_case_is_dropped(
    plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    from fulfillment.claims.services.amendments_and_reviews import cancel_claim

    vendor.settings(blocked_countries=["US"])
    purchase = buy(plan())
    cancel_claim(code=purchase.shipment.claim.code, actor="claimant", now=now)
    restart_stalled_work(now=now)
    assert fresh(purchase).shipment.state == ShipmentState.CANCELLED
    assert ship_claim(claim_id=purchase.shipment.claim_id, now=now) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("fulfillment.tracking.urls")
def test_the_vendors_own_events_bring_a_parcel_to_the_door(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway, live_server: LiveServer, now: datetime
) -> None:
    url = f"{live_server.url}/easypost"
    first = gateway.ensure_webhook(url, "an older secret")
    assert gateway.ensure_webhook(url, "tests-old") == first
    purchase = buy(plan())
    later = now + timedelta(minutes=10)
    with clock.reading(lambda: later):
        report: dict[str, Any] = vendor.advance_to(later)
    assert report["webhooks_failed"] == 0
    for webhook in Webhook.objects.order_by("-pk"):
        work_webhook(webhook_id=webhook.pk, gateway=gateway, now=later)
    claim = Claim.objects.get(pk=purchase.shipment.claim_id)
    assert claim.state == ClaimState.DELIVERED
    results = set(WebhookOutcome.objects.values_list("result", flat=True))
    assert results <= {"applied", "stale"}
    assert invariants.verify_all().violations == []
