"""What carriers and customs are told of a parcel, from where it leaves, and claims that go in several."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from fulfillment.casework.services.stalled_work import IDLE, restart_stalled_work
from fulfillment.claims.models import Claim, ClaimEvent, Region
from fulfillment.notices.models import Notice
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.rules.customs import customs_lines, exemption, is_filing_number
from fulfillment.postage.rules.packaging import Content, TooMuch, packaging_for, parcel_for, split
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.postage.services.shipment_request import CannotBeDescribed, describe_shipment
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.tracking.services.carrier_events import _apply
from fulfillment.vault.addresses import PostalAddress
from inventory.models import Unit
from inventory.services.bin_transfers import add_warehouse, put_away
from tests.conftest import MakeClaim
from tests.fulfillment.conftest import Buy, cases_of
from tests.fulfillment.warehouse.scans import Floor

KEY = Content("KD-A-NFC", "Security key", 3, 45, 18, 4, "847180", "SE", 2900, "USD", "5A992.c")
TOKYO = PostalAddress(
    name="佐藤 花子",
    latin_name="Hanako Sato",
    street1="千代田区丸の内1-9-1",
    latin_street1="1-9-1 Marunouchi, Chiyoda-ku",
    city="東京",
    latin_city="Tokyo",
    state="東京都",
    latin_state="Tokyo",
    postal_code="100-0005",
    country="JP",
    phone="+81312345678",
    tax_id="123456789012",
)


@pytest.mark.parametrize(
    ("keys", "name", "weight_g", "height_mm"),
    [
        (1, "padded envelope", 19, 12),
        (2, "padded envelope", 22, 16),
        (4, "padded envelope", 28, 24),
        (5, "small box", 90, 55),
        (21, "box", 258, 110),
    ],
)
def test_the_smallest_packaging_that_holds_the_keys(
    keys: int, name: str, weight_g: int, height_mm: int
) -> None:
    parcel = parcel_for([KEY] * keys)
    assert packaging_for([KEY] * keys).name == name
    assert (parcel.weight_g, parcel.height_mm) == (weight_g, height_mm)


def test_what_fits_into_no_packaging_is_refused() -> None:
    with pytest.raises(TooMuch):
        parcel_for([KEY] * 121)
    with pytest.raises(TooMuch):
        parcel_for([replace(KEY, length_mm=400)])


@pytest.mark.parametrize(
    ("skus", "at_most", "parcels"),
    [
        (["A", "C"], 2, [[0, 1]]),
        (["A", "C"], 1, [[0], [1]]),
        (["A"], 500, [[0]]),
        (["A", "A", "C", "C"], 2, [[0, 2], [1, 3]]),
        (["A", "C", "C"], 2, [[0, 2], [1]]),
    ],
)
def test_a_claim_is_split_where_a_country_lets_in_few_keys_a_parcel(
    skus: list[str], at_most: int, parcels: list[list[int]]
) -> None:
    assert split(skus, keys_per_parcel=at_most) == parcels


def test_customs_are_told_the_truth_and_no_more() -> None:
    other = replace(KEY, sku="KD-C-NFC")
    lines = customs_lines([KEY, other, KEY])
    assert [(line.code, line.quantity, line.value_cents, line.weight_g) for line in lines] == [
        ("KD-A-NFC", 2, 5800, 6),
        ("KD-C-NFC", 1, 2900, 3),
    ]
    assert {line.description for line in lines} == {"USB hardware authentication device"}
    assert {line.eccn for line in lines} == {"5A992.c"}
    assert sum(line.weight_g for line in lines) <= parcel_for([KEY, other, KEY]).weight_g


@pytest.mark.parametrize(
    ("cents", "from_country", "to_country", "filing", "expected"),
    [
        (250_000, "US", "DE", "", "NOEEI 30.37(a)"),
        (250_001, "US", "DE", "", None),
        (250_001, "US", "CA", "", "NOEEI 30.36"),
        (250_001, "US", "DE", "X20220711123456", "AES X20220711123456"),
        (250_001, "NL", "DE", "", ""),
    ],
)
def test_an_export_above_the_threshold_needs_a_filing(
    cents: int, from_country: str, to_country: str, filing: str, expected: str | None
) -> None:
    lines = customs_lines([replace(KEY, value_cents=cents)])
    found = exemption(lines, from_country=from_country, to_country=to_country, filing=filing)
    assert found == expected
    assert not filing or is_filing_number(filing)


@pytest.fixture
def planned(make_claim: MakeClaim, stock: None, now: datetime) -> Callable[..., LabelPurchase]:
    def planned(**given: Any) -> LabelPurchase:
        purchase = ship_claim(claim_id=make_claim(**given).pk, now=now)
        assert purchase is not None
        return purchase

    return planned


@pytest.mark.django_db
def test_a_parcel_to_japan_bears_latin_letters_and_the_tax_id(planned: Callable[..., LabelPurchase]) -> None:
    described = describe_shipment(planned(address=TOKYO), TOKYO)
    assert described.to.address.name == "Hanako Sato"
    assert described.to.address.city == "Tokyo"
    assert described.to.tax_id == "123456789012"
    assert described.customs is not None
    assert described.customs.exemption == "NOEEI 30.37(a)"


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["PR", "GU", "AE", "AP"])
def test_territories_and_military_mail_get_customs_papers(
    planned: Callable[..., LabelPurchase], address: PostalAddress, state: str
) -> None:
    away = replace(address, state=state)
    purchase = planned()
    assert describe_shipment(purchase, away).customs is not None
    assert describe_shipment(purchase, address).customs is None


@pytest.mark.django_db
def test_parcels_leave_from_the_warehouse_that_their_keys_lie_in(
    make_claim: MakeClaim, stock: None, address: PostalAddress, now: datetime
) -> None:
    warehouse = add_warehouse(
        code="EU-1",
        name="Utrecht",
        bins=["A-01"],
        quarantine="Q",
        contact_name="Desk",
        company="KD Europe",
        street1="Domplein 1",
        city="Utrecht",
        postal_code="3512 JC",
        country="NL",
        phone="+31301234567",
    )
    serials = list(Unit.objects.values_list("serial", flat=True))
    put_away(serials=serials, bin_label="EU-1/A-01", actor="staff", now=now)
    purchase = ship_claim(claim_id=make_claim().pk, now=now)
    assert purchase is not None
    assert purchase.shipment.warehouse == warehouse
    described = describe_shipment(purchase, address)
    assert described.from_.address.country == "NL"
    # From there the United States are abroad, and no American export.
    assert described.customs is not None
    assert described.customs.exemption == ""


@pytest.mark.django_db
def test_an_export_that_must_be_filed_waits_for_its_number(
    planned: Callable[..., LabelPurchase], gateway: EasyPostGateway, now: datetime
) -> None:
    from inventory.models import KeyModel

    purchase = planned(address=TOKYO)
    KeyModel.objects.update(customs_value_cents=150_000)
    with pytest.raises(CannotBeDescribed, match="export filing"):
        describe_shipment(purchase, TOKYO)
    purchase.shipment.export_filing = "X20220711123456"
    described = describe_shipment(purchase, TOKYO)
    assert described.customs is not None
    assert described.customs.exemption == "AES X20220711123456"


def one_key_a_parcel() -> None:
    Region.objects.filter(country="US").update(keys_per_parcel=1)


@pytest.mark.django_db
def test_a_split_claim_is_shipped_with_its_first_parcel_and_delivered_with_its_last(
    campaign: object, make_claim: MakeClaim, stock: None, now: datetime
) -> None:
    one_key_a_parcel()
    claim = make_claim()
    ship_claim(claim_id=claim.pk, now=now)
    floor = Floor(campaign, now)  # type: ignore[arg-type]
    purchases = list(LabelPurchase.objects.order_by("shipment__number"))
    assert [purchase.shipment.number for purchase in purchases] == [1, 2]
    parcels = [floor.record_label(purchase) for purchase in purchases]
    assert [parcel.contents.count() for parcel in parcels] == [1, 1]

    def says(parcel: Shipment, status: str, *, minute: int) -> str:
        at = now.replace(minute=minute)
        purchase = LabelPurchase.objects.select_related("shipment").get(shipment=parcel)
        _apply(purchase, TrackerState(status, "", at), said_at=at, webhook=None, now=at, is_confirmed=True)
        return Claim.objects.get(pk=claim.pk).state

    assert says(parcels[0], "in_transit", minute=1) == "shipped"
    assert says(parcels[0], "delivered", minute=2) == "shipped"
    assert says(parcels[1], "in_transit", minute=3) == "shipped"
    assert says(parcels[1], "delivered", minute=4) == "delivered"
    assert Notice.objects.filter(template="shipped").count() == 2
    assert Notice.objects.filter(template="delivered").count() == 1
    names = list(ClaimEvent.objects.filter(claim=claim).order_by("pk").values_list("name", flat=True))
    assert names == ["accepted", "label_bought", "label_bought", "shipped", "tracked", "tracked", "delivered"]


@pytest.mark.django_db
def test_a_split_claim_keeps_its_labelled_parcel_when_the_other_is_refused(
    make_claim: MakeClaim, stock: None, buy: Buy, vendor: Any, now: datetime
) -> None:
    one_key_a_parcel()
    claim = make_claim()
    ship_claim(claim_id=claim.pk, now=now)
    first, second = LabelPurchase.objects.order_by("shipment__number")
    assert buy(first).state == "bought"
    vendor.add_fault(
        "status",
        path="/shipments/*/buy",
        moment="before",
        status=422,
        code="SHIPMENT.POSTAGE.FAILURE",
        times=1,
    )
    refused = buy(second)
    assert refused.state == "failed"
    assert cases_of(refused) == ["purchase_refused"]
    claim.refresh_from_db()
    assert claim.label_started_at is not None, "one label is bought, so nothing can be changed any more"
    later = now + IDLE + IDLE
    restart_stalled_work(now=later)
    assert refused.shipment.purchases.count() == 1, "its case is open"
    refused.shipment.cases.update(closed_at=now, outcome="another try")
    restart_stalled_work(now=later)
    again = refused.shipment.purchases.get(generation=2)
    assert buy(again, at=later).state == "bought"
    assert Unit.objects.held_by(claim.code).count() == 2


# Whole words: the random part of a reference may well spell "2fa".
FORBIDDEN_OUTSIDE = re.compile(r"\b(security keys?|keydesk|fido2?|yubikey|titan|2fa)\b", re.IGNORECASE)


@pytest.mark.django_db
def test_nothing_on_the_outside_says_what_is_inside(planned: Callable[..., LabelPurchase]) -> None:
    purchase = planned(address=TOKYO)
    described = describe_shipment(purchase, TOKYO)
    sender = described.from_.address
    assert described.customs is not None
    outside = [sender.name, sender.company, sender.street1, purchase.reference]
    outside += [line.description for line in described.customs.lines] + [described.customs.signer]
    for text in outside:
        assert not FORBIDDEN_OUTSIDE.search(text), text
