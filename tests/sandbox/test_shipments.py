"""Shipments: what carriers offer, and that one shipment holds one label."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.client import Control
from tests.sandbox.conftest import ABROAD, CUSTOMS, DESK, NEIGHBOUR, PARCEL, START
from tests.sandbox.vendor import ApiError, InvalidRequestError, NotFoundError, PaymentError

Make = Callable[..., Any]


def carriers(shipment: Any) -> set[str]:
    return {rate.carrier for rate in shipment.rates}


def cheapest(shipment: Any) -> dict[str, str]:
    return {"id": shipment.lowest_rate().id}


def test_a_domestic_parcel_gets_rates(quoted: Make) -> None:
    shipment = quoted()
    services = {rate.service: rate for rate in shipment.rates if rate.carrier == "USPS"}
    assert services.keys() == {"GroundAdvantage", "Priority", "Express"}
    assert shipment.usps_zone == 4
    prices = [Decimal(services[name].rate) for name in ("GroundAdvantage", "Priority", "Express")]
    assert prices == sorted(prices)
    assert services["Express"].delivery_days < services["GroundAdvantage"].delivery_days


def test_the_same_parcel_costs_the_same_and_a_heavier_or_farther_one_more(quoted: Make) -> None:
    def price(**fields: Any) -> Decimal:
        return Decimal(quoted(**fields).lowest_rate(carriers=["USPS"]).rate)

    base = price()
    assert price() == base
    assert price(parcel=PARCEL | {"weight": 12}) > base
    assert price(to_address=NEIGHBOUR | {"city": "Boston", "state": "MA", "zip": "02108"}) > base


def test_a_parcel_abroad_needs_customs(quoted: Make) -> None:
    without = quoted(to_address=ABROAD)
    assert without.rates == []
    assert {message.type for message in without.messages} == {"rate_error"}
    assert "customs_info" in without.messages[0].message
    with_customs = quoted(to_address=ABROAD, customs_info=CUSTOMS)
    assert carriers(with_customs) == {"USPS", "UPS", "FedEx", "DHLExpress"}
    assert with_customs.customs_info.customs_items[0].value == "58.0"
    assert with_customs.usps_zone is None


def test_nobody_goes_to_a_blocked_country(quoted: Make, control: Control) -> None:
    control.settings(blocked_countries=["DE"])
    shipment = quoted(to_address=ABROAD, customs_info=CUSTOMS)
    assert shipment.rates == []
    assert "destination country DE" in shipment.messages[0].message


@pytest.mark.parametrize(
    "place",
    [
        {"street1": "P.O. Box 12"},
        {"street1": "PSC 1 Box 2", "city": "APO", "state": "AE", "zip": "09012"},
    ],
)
def test_only_the_post_serves_boxes_and_the_military(quoted: Make, place: dict[str, str]) -> None:
    shipment = quoted(to_address=NEIGHBOUR | place, customs_info=CUSTOMS)
    assert carriers(shipment) == {"USPS"}
    assert {message.carrier for message in shipment.messages} == {"UPS", "FedEx", "DHLExpress"}


def test_carrier_accounts_limit_who_is_asked(quoted: Make) -> None:
    account = next(rate.carrier_account_id for rate in quoted().rates if rate.carrier == "UPS")
    assert carriers(quoted(carrier_accounts=[account])) == {"UPS"}
    with pytest.raises(InvalidRequestError) as refused:
        quoted(carrier_accounts=["ca_" + "0" * 32])
    assert refused.value.code == "SHIPMENT.CARRIER_ACCOUNTS.INVALID"


@pytest.mark.parametrize("weight", [0, -1, "heavy", None])
def test_a_parcel_without_a_weight_is_refused(quoted: Make, control: Control, weight: Any) -> None:
    with pytest.raises(InvalidRequestError):
        quoted(parcel={"weight": weight})
    assert control.state()["shipments"] == 0


def test_buying_fills_in_the_label_and_corrects_the_destination(client: Any, quoted: Make) -> None:
    shipment = quoted(reference="kd:1")
    rate = cheapest(shipment)
    bought = client.shipment.buy(shipment.id, rate=rate)
    assert bought.selected_rate.id == rate["id"]
    assert bought.tracking_code == bought.tracker.tracking_code
    assert bought.tracker.status == "unknown"
    assert bought.to_address.id == shipment.to_address.id
    assert bought.to_address.street1 == "179 N HARBOR DR"
    assert bought.from_address.street1 == DESK["street1"]
    assert [(fee.type, fee.amount) for fee in bought.fees] == [
        ("LabelFee", "0.00000"),
        ("PostageFee", f"{bought.selected_rate.rate}000"),
    ]
    assert client.shipment.retrieve(shipment.id).postage_label.id == bought.postage_label.id


def test_a_second_purchase_is_refused(client: Any, bought: Make, control: Control) -> None:
    shipment = bought()
    with pytest.raises(InvalidRequestError) as refused:
        client.shipment.buy(shipment.id, rate={"id": shipment.rates[0].id})
    assert refused.value.code == "SHIPMENT.POSTAGE.EXISTS"
    books = control.state()
    assert (books["labels_bought"], books["second_purchases_refused"]) == (1, 1)
    assert client.shipment.retrieve(shipment.id).tracking_code == shipment.tracking_code


@pytest.mark.parametrize(
    ("buy_seconds", "code"), [(0, "SHIPMENT.POSTAGE.EXISTS"), (0.3, "SHIPMENT.PURCHASE.IN_PROGRESS")]
)
def test_of_four_purchases_at_once_one_wins(
    connect: Make, quoted: Make, control: Control, buy_seconds: float, code: str
) -> None:
    shipment = quoted()
    control.settings(buy_seconds=buy_seconds)
    clients = [connect() for _ in range(4)]

    def buy(client: Any) -> str:
        try:
            return str(client.shipment.buy(shipment.id, rate=cheapest(shipment)).tracking_code)
        except ApiError as error:
            return str(error.code)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(buy, clients))
    assert outcomes.count(code) == 3
    assert control.state()["labels_bought"] == 1


def test_a_rate_must_be_this_shipments_current_one(client: Any, quoted: Make, control: Control) -> None:
    shipment, other = quoted(), quoted()
    stale = cheapest(shipment)
    again = client.shipment.regenerate_rates(shipment.id)
    assert stale["id"] not in {rate["id"] for rate in again["rates"]}
    for rate in (stale, cheapest(other), {"id": "rate_" + "0" * 32}):
        with pytest.raises(InvalidRequestError) as refused:
            client.shipment.buy(shipment.id, rate=rate)
        assert refused.value.code == "SHIPMENT.MISSING_RATE"
    assert control.state()["labels_bought"] == 0


def test_rates_can_grow_too_old(client: Any, quoted: Make, control: Control) -> None:
    control.settings(rate_seconds=3600)
    shipment = quoted()
    control.advance(3601)
    with pytest.raises(InvalidRequestError):
        client.shipment.buy(shipment.id, rate=cheapest(shipment))
    rates = client.shipment.regenerate_rates(shipment.id)["rates"]
    assert client.shipment.buy(shipment.id, rate={"id": rates[0]["id"]}).tracking_code


def test_an_empty_wallet_buys_nothing(client: Any, quoted: Make, control: Control) -> None:
    control.settings(wallet_cents=600)
    first, second = quoted(), quoted()
    client.shipment.buy(first.id, rate=cheapest(first))
    with pytest.raises(PaymentError):
        client.shipment.buy(second.id, rate=cheapest(second))
    books = control.state()
    assert (books["labels_bought"], books["wallet_cents"]) == (1, 600 - books["spent_cents"])


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ({"name": "山田太郎"}, "SHIPMENT.POSTAGE.ASCII"),
        ({"name": None, "company": None}, "SHIPMENT.POSTAGE.FAILURE"),
    ],
)
def test_carriers_refuse_at_the_counter(
    client: Any, quoted: Make, control: Control, recipient: dict[str, Any], code: str
) -> None:
    shipment = quoted(to_address=NEIGHBOUR | recipient)
    with pytest.raises(InvalidRequestError) as refused:
        client.shipment.buy(shipment.id, rate=cheapest(shipment))
    assert refused.value.code == code
    assert control.state()["spent_cents"] == 0


def test_private_carriers_want_a_phone_number_abroad(client: Any, quoted: Make) -> None:
    shipment = quoted(to_address=ABROAD | {"phone": None}, customs_info=CUSTOMS)
    by_carrier = {rate.carrier: rate for rate in shipment.rates}
    with pytest.raises(InvalidRequestError) as refused:
        client.shipment.buy(shipment.id, rate={"id": by_carrier["DHLExpress"].id})
    assert "phone" in refused.value.message
    assert client.shipment.buy(shipment.id, rate={"id": by_carrier["USPS"].id}).tracking_code.endswith("US")


def test_a_reference_finds_the_newest_or_the_oldest(client: Any, quoted: Make, control: Control) -> None:
    oldest, newest = quoted(reference="kd:test:7"), quoted(reference="kd:test:7")
    assert client.shipment.retrieve("kd:test:7").id == newest.id
    control.settings(reference_lookup="oldest")
    assert client.shipment.retrieve("kd:test:7").id == oldest.id
    with pytest.raises(NotFoundError):
        client.shipment.retrieve("kd:test:8")


def test_lists_show_bought_shipments_newest_first_in_pages(client: Any, quoted: Make, bought: Make) -> None:
    ids = [bought().id for _ in range(5)]
    unbought = quoted().id
    first = client.shipment.all(page_size=3)
    second = client.shipment.get_next_page(first, page_size=3)
    assert [shipment.id for shipment in first["shipments"]] == ids[:1:-1]
    assert [shipment.id for shipment in second["shipments"]] == ids[1::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    everything = client.shipment.all(purchased=False, page_size=100)
    assert {shipment.id for shipment in everything["shipments"]} == {*ids, unbought}


def test_lists_look_back_a_month_unless_told_otherwise(client: Any, bought: Make, control: Control) -> None:
    shipment = bought()
    control.advance_to(START + timedelta(days=40))
    assert client.shipment.all()["shipments"] == []
    asked = client.shipment.all(start_datetime=(START - timedelta(days=1)).isoformat())
    assert [found.id for found in asked["shipments"]] == [shipment.id]


def test_insurance_is_bought_once(client: Any, bought: Make) -> None:
    shipment = client.shipment.insure(bought().id, amount="100")
    assert shipment.insurance == "100.00"
    assert shipment.fees[-1].amount == "1.00000"
    with pytest.raises(InvalidRequestError):
        client.shipment.insure(shipment.id, amount="100")


def test_a_refund_settles_after_its_days(client: Any, bought: Make, control: Control) -> None:
    control.settings(journey="realistic")
    shipment = bought()
    assert client.shipment.refund(shipment.id).refund_status == "submitted"
    control.advance(14 * 86_400)
    assert client.shipment.retrieve(shipment.id).refund_status == "submitted"
    control.advance(2 * 86_400)
    refunded = client.shipment.retrieve(shipment.id)
    assert refunded.refund_status == "refunded"
    assert refunded.tracker.status == "pre_transit"
    books = control.state()
    assert books["refunded_cents"] == books["spent_cents"]
    assert (books["labels_bought"], books["labels_live"]) == (1, 0)


def test_a_travelling_parcel_is_not_refunded(client: Any, bought: Make, control: Control) -> None:
    shipment = bought()
    control.advance(600)
    assert client.shipment.refund(shipment.id).refund_status == "rejected"
    assert control.state()["refunded_cents"] == 0


def test_a_refund_needs_a_label(client: Any, quoted: Make) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.shipment.refund(quoted().id)
    assert refused.value.code == "SHIPMENT.REFUND.UNAVAILABLE"


def test_the_books_list_every_label(bought: Make, control: Control) -> None:
    shipments = [bought(reference=f"kd:{number}") for number in range(3)]
    rows = control.labels()
    assert [row["reference"] for row in rows] == ["kd:0", "kd:1", "kd:2"]
    assert [row["tracking_code"] for row in rows] == [shipment.tracking_code for shipment in shipments]
    assert sum(row["cost_cents"] for row in rows) == control.state()["spent_cents"]
