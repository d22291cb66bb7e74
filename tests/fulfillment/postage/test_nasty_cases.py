"""What is left of the nasty cases, each named after its case; docs/nasty-cases.md has them all."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.conf import settings

from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.rules.insured_value import insured_cents
from fulfillment.postage.rules.rates import choose_rate
from fulfillment.postage.rules.refunds import may_ask_again
from fulfillment.postage.services.label_refunds import request_refund, settle_refund
from fulfillment.postage.services.recovery import resolve_purchases
from fulfillment.postage.services.shipment_request import describe_shipment
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.carrier_values import Rate
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.tracking.services.carrier_events import work_webhook
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import Purpose, open_address
from sandbox.client import Control
from tests.fulfillment.carrier_events import stored, tracker_event
from tests.fulfillment.conftest import SETTLE, WORKER, Buy, Plan, cases_of, fresh, labels_bought
from tests.fulfillment.postage.test_crash_matrix import GUARDS

pytestmark = [pytest.mark.django_db, pytest.mark.urls("fulfillment.tracking.urls")]

BERLIN = PostalAddress(
    name="Robin Example",
    street1="Unter den Linden 1",
    city="Berlin",
    postal_code="10117",
    country="DE",
    phone="+49 30 555010",
)


def rate(carrier: str, cents: int, days: int | None, currency: str = "USD") -> Rate:
    return Rate(f"rate_{carrier}", carrier, "service", cents, currency, days)


def test_case_15_a_parcel_scanned_after_its_refund_raises_an_alarm_and_stays_refunded(
    bought: LabelPurchase, gateway: EasyPostGateway, now: datetime
) -> None:
    request_refund(purchase_id=bought.pk, gateway=gateway, now=now)
    settle_refund(purchase=fresh(bought), status="refunded", now=now)
    later = now + timedelta(days=16)
    webhook = stored(tracker_event(bought, "in_transit", at=later))
    work_webhook(webhook_id=webhook.pk, gateway=gateway, now=later)
    assert cases_of(bought) == [Case.Reason.DELIVERY_PROBLEM]
    assert (fresh(bought).state, fresh(bought).shipment.state) == (
        PurchaseState.REFUNDED,
        ShipmentState.CANCELLED,
    )
    # What the carrier says goes on being written down.
    assert bought.tracking_updates.count() == 1


def test_case_20_a_recipient_abroad_without_a_phone_is_reached_by_way_of_the_desk(plan: Plan) -> None:
    purchase = plan(address=BERLIN)
    silent = PostalAddress(**{**vars(BERLIN), "phone": ""})
    described = describe_shipment(purchase, silent)
    assert described.to.phone == described.from_.phone
    assert described.to.email == described.from_.email
    assert described.to.address.name


def test_a_rate_in_another_currency_is_no_rate() -> None:
    choice = choose_rate([rate("USPS", 500, 3, "EUR")], promised_days=8, ceiling_cents=900, currency="USD")
    assert (choice.rate, choice.case, choice.why) == (None, CaseReason.NO_RATE, "1 rates, none in USD")


@pytest.mark.parametrize(("promised_days", "carrier"), [(15, "DHLExpress"), (27, "DHLExpress"), (28, "USPS")])
def test_letter_post_that_promises_nothing_keeps_a_promise_of_four_weeks(
    promised_days: int, carrier: str
) -> None:
    offers = [rate("USPS", 1_600, None), rate("DHLExpress", 4_420, 3), rate("UPS", 5_900, 3)]
    choice = choose_rate(offers, promised_days=promised_days, ceiling_cents=4_500, currency="USD")
    assert choice.rate is not None
    assert choice.rate.carrier == carrier
    assert ("too slow: USPS" in choice.why) is (carrier != "USPS")


def test_where_only_the_post_delivers_the_others_rates_are_explained_away() -> None:
    choice = choose_rate(
        [rate("UPS", 900, 3)], promised_days=8, ceiling_cents=900, currency="USD", carriers={"USPS"}
    )
    assert "none of USPS" in choice.why


def test_the_purchase_says_why_its_rate_was_chosen(bought: LabelPurchase) -> None:
    assert bought.rate_why.startswith("cheapest of ")
    assert bought.service in bought.rate_why


def test_a_reference_that_finds_an_older_shipment_misleads_nobody(
    plan: Plan, buy: Buy, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(reference_lookup="oldest")
    vendor.add_fault("drop", method="POST", path="/shipments", moment="after")
    vendor.add_fault("drop", method="POST", path="/shipments/*/buy", moment="after")
    purchase = plan()
    with pytest.raises(GatewayError):
        buy(purchase)
    assert buy(purchase).state == PurchaseState.BUYING
    assert vendor.state()["shipments"] == 2
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + SETTLE)
    assert fresh(purchase).state == PurchaseState.BOUGHT
    assert labels_bought(vendor, purchase.pk) == 1


@pytest.mark.parametrize(
    ("value", "least", "insured"), [(5_800, 10_000, 0), (10_000, 10_000, 10_000), (90_000, 0, 0)]
)
def test_what_a_parcel_is_insured_for(value: int, least: int, insured: int) -> None:
    assert insured_cents(value, from_cents=least) == insured


def test_a_parcel_worth_it_is_insured_with_its_label_and_the_premium_is_booked(
    plan: Plan, buy: Buy, gateway: EasyPostGateway, vendor: Control
) -> None:
    purchase = plan()
    for unit in purchase.shipment.units.select_related("key_model"):
        unit.key_model.customs_value_cents = 6_000
        unit.key_model.save()
    bought = buy(purchase)
    assert bought.insured_cents == 12_000
    seen = gateway._client().shipment.retrieve(bought.vendor_shipment_id).to_dict()
    assert seen["insurance"] == "120.00"
    assert bought.cost_cents == (bought.rate_cents or 0) + 120
    assert bought.premium_cents == 120
    [told] = bought.shipment.claim.events.filter(name="label_bought")
    assert (told.data["cost_cents"], told.data["premium_cents"]) == (bought.cost_cents, 120)
    assert vendor.state()["spent_cents"] == bought.cost_cents


@pytest.mark.parametrize(
    ("carrier", "day", "requests", "is_unscanned", "again"),
    [
        ("USPS", 1, 1, True, True),
        ("USPS", 1, 3, True, False),
        ("USPS", 1, 1, False, False),
        ("USPS", 27, 2, True, True),
        ("USPS", 28, 2, True, False),
        ("UPS", 28, 2, True, True),
        ("UPS", 88, 2, True, False),
    ],
)
def test_case_14_when_a_rejected_refund_is_asked_for_again(
    carrier: str, day: int, requests: int, is_unscanned: bool, again: bool, now: datetime
) -> None:
    at = now + timedelta(days=day)
    answer = may_ask_again(
        carrier=carrier,
        bought_at=now,
        requests=requests,
        is_unscanned=is_unscanned,
        now=at,
    )
    assert answer is again


def test_case_16_what_the_vendor_makes_of_an_address_does_not_replace_what_was_typed(
    plan: Plan, buy: Buy, address: PostalAddress, gateway: EasyPostGateway, now: datetime
) -> None:
    typed = replace(address, street2="floor 3")
    bought = buy(plan(address=typed))
    seen = gateway._client().shipment.retrieve(bought.vendor_shipment_id).to_dict()["to_address"]
    assert (seen["name"], seen["street2"] or "") == (typed.name.upper(), "")
    kept = open_address(
        subject=bought.shipment.claim.code, purpose=Purpose.SUPPORT, actor="staff:ada", now=now
    )
    assert (kept.name, kept.street1, kept.street2) == (typed.name, typed.street1, "floor 3")


def test_every_nasty_case_names_tests_that_are_there() -> None:
    page = (settings.BASE_DIR / "docs" / "nasty-cases.md").read_text()
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(range(1, 26))
    bracketed = set(re.findall(r"\[([^\]`|]+)\](?!\()", page.partition("## Guards")[2]))
    assert bracketed == set(GUARDS)
    # That each test is there is found by tests/config/test_references.py, as for every page.
    assert len(re.findall(r"`tests/[\w/]+\.py::\w+`", page)) > 50
