"""A picker's day, from the delivery to the shredder, and the story one key has to tell afterwards."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from common.invariants import verify_all
from inventory.default_key_models import ensure_catalogue
from inventory.invariants import CHECKS
from inventory.ledger.check_custody import check
from inventory.models import Movement, Unit
from inventory.rules import Wanted
from inventory.services.alerts import watch_stock
from inventory.services.bin_transfers import add_warehouse
from inventory.services.movements import move
from inventory.services.reservations import reserve
from tests.api.conftest import Caller, assert_problem, bad_fields
from tests.conftest import USB_A, MakeClaim
from tests.conftest import receive as receive_more
from tests.fulfillment.claims.test_amendments_and_reviews import NOW
from tests.fulfillment.claims.test_recalled import delivered

SERIALS = [f"SN-000{number}" for number in range(1, 7)]


@pytest.fixture
def ada(secret: Callable[..., str]) -> Caller:
    return Caller(secret("inventory:read", "inventory:write", name="ada"))


@pytest.fixture
def bo(secret: Callable[..., str]) -> Caller:
    return Caller(secret("inventory:read", "inventory:write", name="bo"))


@pytest.fixture
def store(db: None, now: Any) -> None:
    ensure_catalogue(now)
    add_warehouse(
        code="MAIN",
        name="Main store",
        bins=["A-01"],
        quarantine="Q-01",
        contact_name="Stores",
        street1="1 Store Street",
        city="Delft",
        country="NL",
    )


def post(caller: Caller, path: str, status: int = 201, **body: Any) -> Any:
    answer = caller.post(f"/inventory/{path}", body)
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.mark.usefixtures("store")
def test_a_pickers_day(ada: Caller, bo: Caller, now: Any) -> None:
    lot = post(ada, "lots", sku="KD-A-NFC", lot="L-1", serials=SERIALS, firmware="5.4.3", expected=7)
    assert (lot["received"], lot["discrepancy"]) == (6, -1)
    stood = post(ada, "adjustments", action="put_away", serials=SERIALS, bin="MAIN/A-01")
    assert {unit["bin"] for unit in stood["units"]} == {"MAIN/A-01"}

    # A claim comes in; the picker scans another key than the one reserved.
    with transaction.atomic():
        reserve(holder="C-1", wanted=[Wanted(None, 1)], actor="claimant", now=now)
    swapped = post(ada, "adjustments", action="swap", holder="C-1", reserved="SN-0001", scanned="SN-0002")
    assert [unit["held_for"] for unit in swapped["units"]] == [None, "C-1"]
    for to_account, reason in (("packed", "pack"), ("in_transit", "hand_over"), ("delivered", "deliver")):
        move(holder="C-1", to_account=to_account, reason=reason, actor="staff:ada", now=now)

    # One key is not where it should be; Ada cannot settle her own count.
    count = post(ada, "counts", bin="MAIN/A-01", serials=["SN-0001", "SN-0003", "SN-0004", "SN-0005"])
    assert count["differences"] == [{"serial": "SN-0006", "kind": "missing"}]
    settle = {"action": "approve_count", "code": count["code"], "reasons": {"SN-0006": "lost"}}
    assert_problem(ada.post("/inventory/adjustments", settle), 409, "self_approval")
    assert Unit.objects.get(serial="SN-0006").account == "available"
    post(bo, "adjustments", **settle)
    assert Unit.objects.get(serial="SN-0006").account == "missing"

    # The maker recalls the firmware: what is in stock is held, who has one is known.
    recall = post(ada, "recalls", why="side channel", criteria={"firmware_to": "5.6"})
    assert recall["accounts"] == {"held": 4, "delivered": 1, "missing": 1}
    assert recall["replace"] == ["C-1"]
    assert ada.get("/inventory/stock").json()["items"][0]["accounts"].get("available") is None
    assert_problem(ada.post(f"/inventory/recalls/{recall['code']}/lift"), 409, "self_approval")

    # The delivered one comes back: quarantine, and the shredder with two names.
    back = post(
        ada, "adjustments", action="quarantine", serials=["sn-0002"], bin="MAIN/Q-01", note="recall return"
    )
    assert back["units"][0] == {
        "serial": "SN-0002",
        "account": "quarantine",
        "held_for": None,
        "bin": "MAIN/Q-01",
    }
    paper = post(ada, "adjustments", action="propose_destruction", serials=["SN-0002"], note="recalled")
    destroy = {"action": "destroy", "code": paper["code"]}
    assert_problem(ada.post("/inventory/adjustments", destroy), 409, "self_approval")
    assert post(bo, "adjustments", **destroy)["units"][0]["account"] == "destroyed"

    story = ada.get("/inventory/units/SN-0002").json()
    assert [step["to_account"] for step in story["movements"]] == [
        *("available", "reserved", "packed", "in_transit", "delivered", "returned", "quarantine", "destroyed")
    ]
    assert story["movements"][-1]["actor"] == "token:bo"
    assert story["movements"][-1]["reference"] == paper["code"]
    assert [step["to_bin"] for step in story["transfers"]] == ["MAIN/A-01", "MAIN/Q-01"]
    assert check(ada.get("/inventory/units/SN-0002/custody").json()) == []
    assert not verify_all(CHECKS).violations


@pytest.mark.usefixtures("store")
def test_every_bad_serial_is_listed_and_a_dry_run_writes_nothing(ada: Caller) -> None:
    post(ada, "lots", sku="KD-A-NFC", lot="L-1", serials=["SN-0001"])
    before = Movement.objects.count()
    bad = ["SN-0009", "=HYPERLINK(1)", "sn-0001", "x" * 10_000, "SN-٣٣٣٣", "SN-0009"]
    for dry_run in (True, False):
        answer = ada.post(
            "/inventory/lots", {"sku": "KD-A-NFC", "lot": "L-2", "serials": bad, "dry_run": dry_run}
        )
        fields = bad_fields(assert_problem(answer, 422, "invalid"))
        assert set(fields) == {"serials.1", "serials.2", "serials.3", "serials.4", "serials.5"}
    good = post(ada, "lots", sku="KD-A-NFC", lot="L-2", serials=["SN-0009"], dry_run=True)
    assert good["received"] == 0
    assert Movement.objects.count() == before
    resumed = post(ada, "lots", sku="KD-A-NFC", lot="L-1", serials=["SN-0001", "SN-0002"], resume=True)
    assert resumed["received"] == 2


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("lots", {"sku": "KD-A-NFC", "lot": "L"}, 422, "invalid"),
        ("lots", {"sku": "KD-X", "lot": "L", "quantity": 1}, 422, "invalid"),
        ("lots", {"sku": "KD-A-NFC", "lot": "L", "quantity": 0}, 422, "invalid"),
        ("counts", {"bin": "MAIN/Z-9", "serials": []}, 404, "unknown_bin"),
        ("adjustments", {"action": "swap"}, 422, "invalid"),
        ("adjustments", {"action": "burn"}, 422, "invalid"),
        ("adjustments", {"action": "destroy", "code": "W-1"}, 404, "unknown_paper"),
        (
            "adjustments",
            {"action": "put_away", "serials": ["SN-0001"], "bin": "MAIN/A-01"},
            404,
            "unknown_serial",
        ),
        ("recalls", {"why": "x", "criteria": {}}, 422, "invalid"),
        ("recalls", {"why": "x", "criteria": {"firmware_to": "five"}}, 422, "invalid"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    ada: Caller, path: str, body: Any, status: int, code: str
) -> None:
    assert_problem(ada.post(f"/inventory/{path}", body), status, code)
    assert not Movement.objects.exists()


@pytest.mark.usefixtures("store")
def test_locations_are_kept_by_request_as_often_as_one_likes(ada: Caller) -> None:
    body: dict[str, Any] = {
        "code": "EAST", "name": "East", "contact_name": "Stores", "street1": "2 Store Street",
        "city": "Delft", "country": "NL", "bins": ["B-01"], "quarantine": ["Q-01"],
    }  # fmt: skip
    for _ in range(2):
        assert post(ada, "locations", **body)["bins"] == ["B-01"]
    listed = ada.get("/inventory/locations").json()["items"]
    assert [one["code"] for one in listed] == ["EAST", "MAIN"]
    refusal = ada.post("/inventory/locations", {**body, "country": "Holland", "quarantine": ["B-01"]})
    assert refusal.status_code == 422
    assert {"country", "quarantine"} <= {bad["field"] for bad in refusal.json()["errors"]}


@pytest.mark.usefixtures("store")
def test_low_stock_is_an_event(ada: Caller, now: Any) -> None:
    post(ada, "lots", sku="KD-A-NFC", lot="L-1", serials=SERIALS)
    with transaction.atomic():
        reserve(holder="C-1", wanted=[Wanted(None, 4)], actor="claimant", now=now)
    watch_stock(now=now)
    (event,) = ada.get("/inventory/alerts?only_open=true").json()["items"]
    assert (event["event"], event["sku"], event["available"]) == ("stock.low", "KD-A-NFC", 2)
    watch_stock(now=now + timedelta(days=30))
    assert ada.get("/inventory/alerts?only_open=true").json()["items"] == []
    assert len(ada.get("/inventory/alerts").json()["items"]) == 1


@pytest.mark.usefixtures("stock")
def test_one_request_replaces_what_was_recalled(ada: Caller, make_claim: MakeClaim) -> None:
    claim = delivered(make_claim())
    recall = post(ada, "recalls", why="bad firmware", criteria={"lot": f"LOT-1 {USB_A}"})
    receive_more(now=NOW, each=3, lot="LOT-2")
    done = post(ada, f"recalls/{recall['code']}/replacements")
    assert len(done["granted"]) == 1
    again = post(ada, f"recalls/{recall['code']}/replacements")
    assert (again["granted"], again["replaced_before"]) == ([], [claim.code])
    assert_problem(ada.post("/inventory/recalls/R-000000000000/replacements", {}), 404, "unknown_paper")
