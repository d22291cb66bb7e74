"""POST /claims: what is accepted, and everything that is refused, with nothing changed."""

from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from common.invariants import verify_all
from fulfillment.claims.models import Claim
from fulfillment.vault.models import EncryptedDocument
from inventory.models import Unit
from inventory.selectors import available_count
from inventory.services.reservations import Wanted, reserve
from tests.api.conftest import Body, Caller, assert_problem, bad_fields

pytestmark = pytest.mark.usefixtures("roster", "stock")


def test_a_claim_is_accepted_and_answered_without_the_address(caller: Caller, claim_body: Body) -> None:
    answer = caller.post("/claims", claim_body)
    assert answer.status_code == 201, answer.content
    claim = answer.json()
    assert claim["state"] == "accepted"
    assert claim["maintainer"] == "m-owner"
    assert claim["items"] == [{"sku": "KD-A-NFC", "quantity": 1}, {"sku": "KD-C-NFC", "quantity": 1}]
    assert claim["place"] is None
    assert claim["tracking"] is None
    assert claim["created_at"] == "2022-07-11T12:00:00Z"
    assert answer.headers["Location"] == f"/api/v1/claims/{claim['code']}"
    assert "Montgomery" not in answer.content.decode()
    assert Unit.objects.held_by(claim["code"]).count() == 2


def test_without_items_a_full_allotment_of_what_is_in_stock_is_claimed(
    caller: Caller, claim_body: Body
) -> None:
    del claim_body["items"]
    answer = caller.post("/claims", claim_body)
    assert answer.json()["items"] == [{"sku": None, "quantity": 2}]


def test_out_of_stock_gives_a_place_in_line(caller: Caller, claim_body: Body, now: datetime) -> None:
    with transaction.atomic():
        reserve(holder="elsewhere", wanted=[Wanted(None, 19)], actor="staff", now=now)
    answer = caller.post("/claims", claim_body)
    assert answer.status_code == 201
    assert answer.json()["state"] == "waitlisted"
    assert answer.json()["place"] == 1


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ({"items": [{"sku": "NO-SUCH", "quantity": 1}]}, {"items.0.sku": "unknown_sku"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": 0}]}, {"items.0.quantity": "too_small"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": -1}]}, {"items.0.quantity": "too_small"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": 3}]}, {"items": "too_many"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": 1_000_000}]}, {"items": "too_many"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": 10**30}]}, {"items": "too_many"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": "two"}]}, {"items.0.quantity": "wrong_type"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": 1.5}]}, {"items.0.quantity": "wrong_type"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": True}]}, {"items.0.quantity": "wrong_type"}),
        ({"items": [{"sku": "KD-A-NFC"}]}, {"items.0.quantity": "required"}),
        ({"items": [{"sku": "KD-A-NFC", "quantity": 1}] * 2}, {"items": "repeated_sku"}),
        ({"items": "all of them"}, {"items": "wrong_type"}),
        (
            {"items": [{"sku": "KD-A-NFC", "quantity": 1, "colour": "red"}]},
            {"items.0.colour": "unknown_field"},
        ),
        ({"shipping_address": None}, {"shipping_address": "required"}),
        ({"shipping_address": []}, {"shipping_address": "required"}),
        ({"maintainer": "nobody"}, {"maintainer": "unknown_maintainer"}),
        ({"maintainer": ""}, {"maintainer": "required"}),
        ({"maintainer": 7}, {"maintainer": "wrong_type"}),
        ({"maintainer": "m-owner\x00"}, {"maintainer": "bad_character"}),
        ({"maintainer": "m-\ud800"}, {"maintainer": "bad_character"}),
        ({"campaign": "no-such"}, {"campaign": "unknown_campaign"}),
        ({"service": "teleport"}, {"service": "unknown_value"}),
        ({"colour": "red"}, {"colour": "unknown_field"}),
    ],
)
def test_what_cannot_be_claimed_is_refused_by_field(
    caller: Caller, claim_body: Body, change: Body, bad: dict[str, str]
) -> None:
    document = assert_problem(caller.post("/claims", claim_body | change), 422, "invalid")
    assert bad_fields(document) == bad
    _assert_nothing_happened()


def test_a_missing_address_and_a_missing_maintainer_are_named(caller: Caller, claim_body: Body) -> None:
    del claim_body["shipping_address"], claim_body["maintainer"]
    document = assert_problem(caller.post("/claims", claim_body), 422, "invalid")
    assert bad_fields(document) == {"maintainer": "required", "shipping_address": "required"}


def test_every_bad_field_is_named_at_once(caller: Caller, claim_body: Body) -> None:
    claim_body |= {
        "maintainer": "nobody",
        "items": [{"sku": "NO-SUCH", "quantity": 0}],
        "service": "teleport",
        "colour": "red",
        "shipping_address": {"name": "Robin", "country": "US", "planet": "Mars"},
    }
    document = assert_problem(caller.post("/claims", claim_body), 422, "invalid")
    assert bad_fields(document) == {
        "maintainer": "unknown_maintainer",
        "items.0.sku": "unknown_sku",
        "items.0.quantity": "too_small",
        "service": "unknown_value",
        "colour": "unknown_field",
        "shipping_address.street1": "required",
        "shipping_address.planet": "unknown_field",
    }
    _assert_nothing_happened()


def test_a_phone_is_asked_for_where_the_region_needs_one(caller: Caller, claim_body: Body) -> None:
    claim_body["shipping_address"] = {
        "name": "Robin Example",
        "street1": "Unter den Linden 1",
        "city": "Berlin",
        "postal_code": "10117",
        "country": "DE",
    }
    document = assert_problem(caller.post("/claims", claim_body), 422, "invalid")
    assert bad_fields(document) == {"shipping_address.phone": "required"}
    claim_body["shipping_address"]["phone"] = "+49 30 1234567"
    assert caller.post("/claims", claim_body).status_code == 201


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[1, 2]", b'"claim"', b"null", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(caller: Caller, campaign: Any, raw: bytes) -> None:
    document = assert_problem(caller.post("/claims", raw=raw), 422, "invalid")
    assert document["errors"]
    _assert_nothing_happened()


def test_a_body_over_a_megabyte_is_refused(caller: Caller, claim_body: Body) -> None:
    claim_body["maintainer"] = "m" * 1_100_000
    assert_problem(caller.post("/claims", claim_body), 413, "body_too_large")


def test_who_is_not_eligible_gets_the_decision(caller: Caller, claim_body: Body) -> None:
    claim_body["maintainer"] = "m-guarded"
    document = assert_problem(caller.post("/claims", claim_body), 403, "ineligible")
    assert document["decision"]["outcome"] == "ineligible"
    assert document["decision"]["headline"] == "two_factor"
    _assert_nothing_happened()


def test_an_organisation_account_is_held_for_review(caller: Caller, claim_body: Body) -> None:
    claim_body["maintainer"] = "m-org"
    assert caller.post("/claims", claim_body).json()["state"] == "in_review"


def test_a_second_claim_gets_the_code_of_the_first(caller: Caller, claim_body: Body) -> None:
    first = caller.post("/claims", claim_body).json()["code"]
    document = assert_problem(caller.post("/claims", claim_body), 409, "already_claimed")
    assert document["claim"] == first
    assert Claim.objects.count() == 1


def _assert_nothing_happened() -> None:
    assert not Claim.objects.exists()
    assert not EncryptedDocument.objects.exists()
    assert available_count() == 20
    assert verify_all().ok
