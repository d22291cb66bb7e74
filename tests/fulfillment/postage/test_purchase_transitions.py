"""What the vendor may answer to a purchase, one by one (docs/vendors.md § 4.4), and what becomes of it."""

from datetime import datetime, timedelta

import pytest

from common import invariants
from fulfillment.cases.models import Case
from fulfillment.casework.services.stalled_work import restart_stalled_work
from fulfillment.claims.models import Region
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.rating import create_and_rate
from fulfillment.postage.services.recovery import resolve_purchases
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.models import BuyingPause, LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vendor_failures import Failure
from sandbox.client import Control
from tests.fulfillment.conftest import (
    SETTLE,
    TIMEOUT_S,
    WORKER,
    Buy,
    Plan,
    accounts_of,
    cases_of,
    forget_jobs,
    fresh,
    labels_bought,
)

pytestmark = pytest.mark.django_db

BUY = {"method": "POST", "path": "/shipments/*/buy"}
TOKYO = PostalAddress(
    name="山田 太郎",
    street1="千代田1-1",
    city="千代田区",
    state="東京都",
    postal_code="100-0001",
    country="JP",
    phone="+81 3 5555 0100",
    latin_name="Taro Yamada",
    latin_street1="1-1 Chiyoda",
    latin_city="Chiyoda-ku",
    latin_state="Tokyo",
)


@pytest.fixture
def created(plan: Plan, gateway: EasyPostGateway, now: datetime) -> LabelPurchase:
    """Known to the vendor, not bought."""
    purchase = plan()
    create_and_rate(purchase, gateway=gateway, worker=WORKER, now=now)
    return fresh(purchase)


def assert_bought_once(vendor: Control, purchase: LabelPurchase) -> None:
    assert purchase.state == PurchaseState.BOUGHT
    assert labels_bought(vendor, purchase.pk) == 1
    assert vendor.state()["labels_bought"] == 1
    assert vendor.state()["spent_cents"] == purchase.cost_cents
    assert accounts_of(purchase.shipment.claim) == ["reserved", "reserved"]
    assert invariants.verify_all().violations == []


LOST_ANSWERS = {
    "case 2: the answer takes longer than the client waits": {"kind": "delay", "seconds": TIMEOUT_S + 0.6},
    "the connection breaks": {"kind": "drop"},
    "case 6: an HTML 502": {"kind": "html"},
    "200 that is not JSON": {"kind": "garbage"},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "408": {"kind": "status", "status": 408},
    "409": {"kind": "status", "status": 409},
    "423": {"kind": "status", "status": 423},
    "a 4xx on no list": {"kind": "status", "status": 422, "code": "SHIPMENT.SOMETHING.NEW"},
    "the carrier's silence": {"kind": "status", "status": 422, "code": "SHIPMENT.POSTAGE.NO_RESPONSE"},
    "a definite code with a 500": {"kind": "status", "status": 500, "code": "SHIPMENT.POSTAGE.FAILURE"},
    "in progress": {"kind": "status", "status": 422, "code": "SHIPMENT.PURCHASE.IN_PROGRESS"},
}


@pytest.mark.parametrize("fault", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_label_whose_answer_was_lost_is_adopted_after_the_settle_interval(
    fault: dict[str, object],
    plan: Plan,
    buy: Buy,
    vendor: Control,
    gateway: EasyPostGateway,
    now: datetime,
) -> None:
    vendor.add_fault(moment="after", **BUY, **fault)  # type: ignore[arg-type]
    purchase = buy(plan())
    assert purchase.state == PurchaseState.BUYING
    assert purchase.last_error
    assert accounts_of(purchase.shipment.claim) == ["reserved", "reserved"]
    # Too early: the request might still be under way at the vendor.
    early = now + SETTLE - timedelta(seconds=1)
    assert resolve_purchases(gateway=gateway, worker=WORKER, now=early) == 0
    assert resolve_purchases(gateway=gateway, worker=WORKER, now=now + SETTLE) == 1
    assert_bought_once(vendor, fresh(purchase))


def test_200_without_a_label_is_unknown_and_adopted_later(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway, now: datetime
) -> None:
    vendor.add_fault("no_label", **BUY)
    purchase = buy(plan())
    assert (purchase.state, purchase.last_error) == (PurchaseState.BUYING, "NO_LABEL_IN_ANSWER")
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + SETTLE)
    assert_bought_once(vendor, fresh(purchase))


def test_case_3_a_purchase_that_never_arrived_is_bought_again_on_the_same_shipment_after_two_looks(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway, now: datetime
) -> None:
    vendor.add_fault("drop", **BUY)
    purchase = buy(plan())
    vendor_shipment_id = purchase.vendor_shipment_id
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + SETTLE)
    looked_once = fresh(purchase)
    assert (looked_once.state, looked_once.buy_attempts) == (PurchaseState.BUYING, 1)
    assert vendor.state()["labels_bought"] == 0
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + 2 * SETTLE)
    again = fresh(purchase)
    assert again.buy_attempts == 2
    assert again.vendor_shipment_id == vendor_shipment_id
    assert vendor.state()["shipments"] == 1
    assert_bought_once(vendor, again)


def test_an_earlier_purchase_on_the_shipment_is_adopted_at_once(
    created: LabelPurchase, buy: Buy, vendor: Control, gateway: EasyPostGateway
) -> None:
    assert created.vendor_shipment_id is not None
    earlier = gateway.buy(created.vendor_shipment_id, created.rate_id)
    purchase = buy(created)
    assert purchase.label_id == earlier.label_id
    assert_bought_once(vendor, purchase)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("SHIPMENT.POSTAGE.FAILURE", Case.Reason.PURCHASE_REFUSED),
        ("SHIPMENT.POSTAGE.ASCII", Case.Reason.ADDRESS),
        ("SHIPMENT.RATE.CARRIER_ACCOUNT_INVALID", Case.Reason.PURCHASE_REFUSED),
        ("SHIPMENT.CUSTOMS_INFO.REQUIRED", Case.Reason.PURCHASE_REFUSED),
    ],
)
def test_a_definite_refusal_fails_the_purchase_opens_a_case_and_frees_the_claim(
    code: str, reason: str, plan: Plan, buy: Buy, vendor: Control
) -> None:
    vendor.add_fault("status", status=422, code=code, **BUY)
    purchase = buy(plan())
    assert purchase.state == PurchaseState.FAILED
    assert cases_of(purchase) == [reason]
    assert purchase.shipment.claim.label_started_at is None
    assert accounts_of(purchase.shipment.claim) == ["reserved", "reserved"]
    assert vendor.state()["labels_bought"] == 0


def test_a_definite_refusal_is_not_believed_when_the_vendor_shows_a_label(
    plan: Plan, buy: Buy, vendor: Control
) -> None:
    vendor.add_fault("status", status=422, code="SHIPMENT.POSTAGE.FAILURE", moment="after", **BUY)
    purchase = buy(plan())
    assert cases_of(purchase) == []
    assert_bought_once(vendor, purchase)


def test_a_definite_refusal_that_cannot_be_confirmed_stays_in_doubt(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway, now: datetime
) -> None:
    vendor.add_fault("status", status=422, code="SHIPMENT.POSTAGE.FAILURE", moment="after", **BUY)
    vendor.add_fault("status", status=500, method="GET", path="/shipments/*")
    purchase = buy(plan())
    assert purchase.state == PurchaseState.BUYING
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + SETTLE)
    assert_bought_once(vendor, fresh(purchase))


def test_a_stale_rate_is_rated_again_on_the_same_shipment(
    created: LabelPurchase, buy: Buy, vendor: Control, now: datetime
) -> None:
    vendor.settings(rate_seconds=60)
    vendor.set_clock(now + timedelta(minutes=5))
    purchase = buy(created, at=now + timedelta(minutes=5))
    assert purchase.rate_id != created.rate_id
    assert purchase.service == created.service
    assert vendor.state()["shipments"] == 1
    assert_bought_once(vendor, purchase)


def test_a_stale_rate_is_not_replaced_by_one_over_the_cap(
    created: LabelPurchase, buy: Buy, vendor: Control, now: datetime
) -> None:
    LabelPurchase.objects.update(price_cap_cents=1)
    vendor.add_fault("status", status=422, code="SHIPMENT.MISSING_RATE", **BUY)
    purchase = buy(created)
    assert purchase.state == PurchaseState.FAILED
    assert cases_of(purchase) == [Case.Reason.OVER_CEILING]
    assert vendor.state()["labels_bought"] == 0


def test_case_7_a_price_that_rose_before_the_purchase_is_accepted_and_flagged(
    plan: Plan, buy: Buy, vendor: Control
) -> None:
    vendor.add_fault("price", percent=400, **BUY)
    purchase = buy(plan())
    assert purchase.rate_cents is not None
    assert purchase.rate_cents > purchase.price_cap_cents
    assert cases_of(purchase) == [Case.Reason.OVER_CAP]
    assert_bought_once(vendor, purchase)


def test_a_busy_vendor_is_asked_again_by_the_same_job_and_left_alone_by_all_till_then(
    plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    vendor.add_fault("status", status=429, retry_after=3600, **BUY)
    purchase = plan()
    with pytest.raises(GatewayError) as busy:
        buy(purchase)
    assert busy.value.failure is Failure.RETRYABLE
    assert fresh(purchase).state == PurchaseState.CREATED
    asked = vendor.state()["calls"]
    assert buy(purchase, at=now + timedelta(seconds=14)).state == PurchaseState.CREATED
    assert vendor.state()["calls"] == asked
    assert_bought_once(vendor, buy(purchase, at=now + timedelta(seconds=15)))


@pytest.mark.parametrize(
    ("status", "code"), [(402, "PAYMENT_REQUIRED"), (403, "APIKEY.INACTIVE"), (403, "MODE.UNAUTHORIZED")]
)
def test_what_is_wrong_with_our_account_is_no_failure_of_the_parcel(
    status: int, code: str, plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    vendor.add_fault("status", status=status, code=code, **BUY)
    purchase = buy(plan())
    assert purchase.state == PurchaseState.CREATED
    assert cases_of(purchase) == []
    assert BuyingPause.objects.get().code == code
    forget_jobs()
    # While it lasts nobody is asked, and nothing is swept up.
    paused = now + timedelta(minutes=9)
    asked = vendor.state()["calls"]
    assert restart_stalled_work(now=paused) == 0
    assert buy(purchase, at=paused).state == PurchaseState.CREATED
    assert vendor.state()["calls"] == asked
    later = now + timedelta(minutes=10)
    assert restart_stalled_work(now=later) == 1
    assert_bought_once(vendor, buy(purchase, at=later))
    assert not BuyingPause.objects.exists()


def test_a_wallet_that_stays_empty_is_tried_less_and_less_often(
    plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    vendor.settings(wallet_cents=1)
    purchase = plan()
    at, pauses = now, []
    for _ in range(5):
        buy(purchase, at=at)
        pause = BuyingPause.objects.get()
        pauses.append(pause.until - at)
        at = pause.until
    assert pauses == [timedelta(minutes=minutes) for minutes in (10, 20, 40, 60, 60)]
    assert pause.since == now
    assert cases_of(purchase) == []


def test_many_purchases_refused_at_once_make_one_pause(
    plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    vendor.settings(wallet_cents=1)
    first, second = plan(), plan("m-second")
    buy(first)
    buy(second)
    assert BuyingPause.objects.get().times == 1
    assert fresh(second).vendor_shipment_id is None


def test_an_empty_wallet_refuses_and_costs_nothing(plan: Plan, buy: Buy, vendor: Control) -> None:
    vendor.settings(wallet_cents=1)
    purchase = buy(plan())
    assert (purchase.state, purchase.last_error) == (PurchaseState.CREATED, "PAYMENT_REQUIRED")
    assert vendor.state()["spent_cents"] == 0


def test_case_19_an_address_in_another_script_is_labelled_in_its_latin_version(
    plan: Plan, buy: Buy, vendor: Control, gateway: EasyPostGateway
) -> None:
    purchase = buy(plan(address=TOKYO))
    sent = gateway._client().shipment.retrieve(purchase.vendor_shipment_id).to_dict()["to_address"]
    assert (sent["name"].upper(), sent["city"].upper()) == ("TARO YAMADA", "CHIYODA-KU")
    assert_bought_once(vendor, purchase)


def test_case_19_an_address_the_carrier_cannot_print_goes_to_a_person_and_back_to_the_claimant(
    plan: Plan, buy: Buy, vendor: Control
) -> None:
    vendor.add_fault("status", status=422, code="SHIPMENT.POSTAGE.ASCII", **BUY)
    purchase = buy(plan(address=TOKYO))
    assert (purchase.state, purchase.last_error) == (PurchaseState.FAILED, "SHIPMENT.POSTAGE.ASCII")
    assert cases_of(purchase) == [Case.Reason.ADDRESS]
    assert purchase.shipment.claim.account.notices.filter(template="problem").count() == 1


def test_a_destination_no_carrier_serves_makes_a_case(plan: Plan, buy: Buy, vendor: Control) -> None:
    vendor.settings(blocked_countries=["US"])
    purchase = buy(plan())
    assert purchase.state == PurchaseState.FAILED
    case = purchase.shipment.cases.get()
    assert case.reason == Case.Reason.NO_RATE
    assert "USPS" in case.detail


def test_a_parcel_over_the_ceiling_makes_a_case_and_buys_nothing(
    plan: Plan, buy: Buy, vendor: Control
) -> None:
    Region.objects.update(ceiling_cents=100)
    purchase = plan()
    LabelPurchase.objects.update(price_cap_cents=100)
    purchase = buy(purchase)
    assert purchase.state == PurchaseState.FAILED
    assert cases_of(purchase) == [Case.Reason.OVER_CEILING]
    assert vendor.state()["labels_bought"] == 0


def test_a_country_that_was_closed_meanwhile_gets_no_parcel(plan: Plan, buy: Buy, vendor: Control) -> None:
    purchase = plan()
    Region.objects.update(status=Region.Status.BLOCKED)
    purchase = buy(purchase)
    assert purchase.state == PurchaseState.FAILED
    assert cases_of(purchase) == [Case.Reason.NO_RATE]
    assert vendor.state()["shipments"] == 0


def test_a_parcel_that_failed_is_tried_anew_once_its_case_is_closed(
    plan: Plan, buy: Buy, vendor: Control, now: datetime
) -> None:
    from fulfillment.postage.services.shipment_planning import ship_claim

    vendor.add_fault("status", status=422, code="SHIPMENT.POSTAGE.FAILURE", **BUY)
    failed = buy(plan())
    later = now + timedelta(hours=1)
    forget_jobs()
    assert restart_stalled_work(now=later) == 0
    Case.objects.update(closed_at=later, outcome="carrier called")
    assert restart_stalled_work(now=later) == 1
    second = ship_claim(claim_id=failed.shipment.claim_id, now=later)
    assert second is not None
    assert (second.generation, second.shipment_id) == (2, failed.shipment_id)
    assert_bought_once(vendor, buy(second, at=later))


def test_a_creation_whose_answer_was_lost_leaves_an_orphan_that_costs_nothing(
    plan: Plan, buy: Buy, vendor: Control
) -> None:
    vendor.add_fault("drop", method="POST", path="/shipments", moment="after")
    purchase = plan()
    with pytest.raises(GatewayError):
        buy(purchase)
    assert fresh(purchase).state == PurchaseState.PLANNED
    assert_bought_once(vendor, buy(purchase))
    assert vendor.state()["shipments"] == 2


def test_a_creation_that_is_refused_for_good_makes_a_case(plan: Plan, buy: Buy, vendor: Control) -> None:
    vendor.add_fault("status", status=422, code="ADDRESS.VERIFY.FAILURE", method="POST", path="/shipments")
    purchase = buy(plan())
    assert purchase.state == PurchaseState.FAILED
    assert cases_of(purchase) == [Case.Reason.ADDRESS]


def test_case_23_a_purchase_planned_in_the_other_mode_is_not_bought(
    plan: Plan, buy: Buy, vendor: Control
) -> None:
    purchase = plan()
    LabelPurchase.objects.update(mode="production")
    purchase = buy(purchase)
    assert purchase.state == PurchaseState.PLANNED
    assert cases_of(purchase) == [Case.Reason.PURCHASE_REFUSED]
    assert vendor.state()["shipments"] == 0
