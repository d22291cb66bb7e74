"""Parcels and manifests over the API: read, buy, refund, hand over; never an address."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.postage.services import purchase_transitions
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.models import Shipment
from fulfillment.vault.addresses import PostalAddress
from fulfillment.warehouse.services import packing
from tests.api.conftest import Caller
from tests.fulfillment.conftest import waiting_jobs
from tests.fulfillment.warehouse.scans import PACKER, Floor, people, serials

pytestmark = pytest.mark.django_db


@pytest.fixture
def floor(campaign: Any, stock: None, now: datetime) -> Floor:
    return Floor(campaign, now)


@pytest.fixture
def parcels(floor: Floor, tmp_path: Path, address: PostalAddress, now: datetime) -> list[Shipment]:
    return [floor.label(floor.claim(name, address)) for name in people(tmp_path, 3, now=now)]


@pytest.fixture
def caller(secret: Callable[..., str]) -> Caller:
    return Caller(secret("shipping:read", "shipping:write"))


def seal(parcel: Shipment, *, now: datetime) -> None:
    for number, serial in enumerate(serials(parcel)):
        packing.pack_unit(
            key=f"{parcel.code}.{number}", label=parcel.code, serial=serial, actor=PACKER, now=now
        )
    packing.seal_parcel(
        key=f"{parcel.code}.s", label=parcel.code, seal_number=f"SEAL-{parcel.pk}", actor=PACKER, now=now
    )


def test_parcels_are_listed_page_by_page_in_fixed_queries(
    parcels: list[Shipment], caller: Caller, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8):
        first = caller.get("/shipments?limit=2").json()
    second = caller.get(f"/shipments?limit=2&cursor={first['next']}").json()
    listed = [one["code"] for one in first["items"] + second["items"]]
    assert sorted(listed) == sorted(parcel.code for parcel in parcels)
    assert second["next"] is None
    assert first["items"][0]["label"]["cost"] == {"amount": 407, "currency": "USD"}
    assert "Robin" not in str(first)
    assert "Montgomery" not in str(first)
    assert caller.get("/shipments?state=delivered").json()["items"] == []


def test_one_parcel_is_read_and_an_unknown_one_is_not(parcels: list[Shipment], caller: Caller) -> None:
    found = caller.get(f"/shipments/{parcels[0].code}").json()
    assert (found["state"], found["keys"], found["claim"]) == ("labelled", 2, parcels[0].claim.code)
    answer = caller.get("/shipments/S-000000000000")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_shipment")
    assert caller.get("/shipments/nonsense").status_code == 404


def test_a_label_is_asked_for_again(
    floor: Floor, caller: Caller, tmp_path: Path, address: PostalAddress, now: datetime
) -> None:
    (name,) = people(tmp_path, 1, now=now)
    claim = floor.claim(name, address)
    purchase = ship_claim(claim_id=claim.pk, now=now)
    assert purchase is not None
    code = purchase.shipment.code
    answer = caller.post(f"/shipments/{code}/buy", key="k1")
    assert answer.status_code == 200
    assert waiting_jobs("shipping.buy_label") == [{"purchase_id": str(purchase.pk)}] * 2
    purchase_transitions.fail(purchase, case=CaseReason.NO_RATE, detail="none", now=now)
    open_cases = caller.post(f"/shipments/{code}/buy", key="k2").json()["open_cases"]
    assert [case["reason"] for case in open_cases] == ["no_rate"]
    assert waiting_jobs("shipping.ship_claim")[-1] == {"claim_id": claim.pk}
    Shipment.objects.filter(code=code).update(state="cancelled")
    refused = caller.post(f"/shipments/{code}/buy", key="k3")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_to_label")


def test_sealed_parcels_are_handed_over_and_the_others_named(
    parcels: list[Shipment], caller: Caller, now: datetime
) -> None:
    empty = caller.post("/manifests", {"carrier": "USPS"}, key="k0")
    assert (empty.status_code, empty.json()["code"]) == (409, "nothing_to_hand_over")
    seal(parcels[0], now=now)
    body = {"carrier": "USPS", "shipments": [parcel.code for parcel in parcels], "with_form": False}
    answer = caller.post("/manifests", body, key="k1")
    made = answer.json()
    assert (answer.status_code, made["state"], made["shipments"]) == (201, "ready", [parcels[0].code])
    assert {one["code"] for one in made["left_out"]} == {"not_sealed"}
    assert len(made["left_out"]) == 2
    again = caller.post("/manifests", body, key="k1")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert caller.get(answer.headers["Location"].removeprefix("/api/v1")).json()["code"] == made["code"]
    assert caller.get("/manifests/M-000000000000").status_code == 404
    bad = caller.post("/manifests", {"carrier": "USPS", "warehouse": "NOWHERE"}, key="k2")
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "warehouse")


def test_reading_and_writing_need_their_scopes(parcels: list[Shipment], secret: Callable[..., str]) -> None:
    reader = Caller(secret("shipping:read", name="reader"))
    assert reader.get("/shipments").status_code == 200
    for path in (f"/shipments/{parcels[0].code}/buy", f"/shipments/{parcels[0].code}/refund", "/manifests"):
        assert reader.post(path, {"carrier": "USPS"}, key="k").status_code == 403
    other = Caller(secret("claims:read", name="other"))
    assert other.get("/shipments").status_code == 403
