"""The custody page of one key, and the stock page with its alerts."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from common import clock
from desk.roles import Role
from inventory.default_key_models import ensure_catalogue
from inventory.ledger.unit_history import Proof, unit_history
from inventory.models import StockAlert
from inventory.rules import Criteria, Wanted
from inventory.services import bin_transfers, counts, quarantine, recalls
from inventory.services.alerts import watch_stock
from inventory.services.movements import move
from inventory.services.receiving import receive_stock
from inventory.services.reservations import reserve
from inventory.services.sealing import seal_days
from tests.desk.conftest import StaffWith
from tests.inventory.conftest import run_sql
from tests.inventory.test_ledger_triggers import trigger_name

SERIAL = "SN-0001"


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def life(db: None, now: datetime) -> datetime:
    """One key from the supplier to its destruction, an hour between steps; returns when it ended."""
    hours = iter(range(1, 100))

    def later() -> dict[str, Any]:
        return {"actor": "staff:ada", "now": now + timedelta(hours=next(hours))}

    model, _ = ensure_catalogue(now)
    bin_transfers.add_warehouse(
        code="MAIN", name="Main store", bins=["A-01"], quarantine="Q-01", contact_name="Stores",
        street1="1 Store Street", city="Delft", country="NL",
    )  # fmt: skip
    receive_stock(
        sku=model.sku, lot_reference="LOT-9", serials=[SERIAL], supplier="Maker", purchase_order="PO-7",
        firmware="5.7", expected_quantity=3, **later(),
    )  # fmt: skip
    bin_transfers.put_away(serials=[SERIAL], bin_label="MAIN/A-01", **later())
    counts.count_bin(bin_label="MAIN/A-01", serials=[SERIAL], **later())
    recall = recalls.open_recall(criteria=Criteria(lot="LOT-9"), why="drill", **later()).recall
    recalls.lift_recall(code=recall.code, **{**later(), "actor": "staff:bo"})
    reserve(holder="C-1", wanted=[Wanted(None, 1)], **later())
    for to_account, reason in (("packed", "pack"), ("in_transit", "hand_over"), ("delivered", "deliver")):
        move(holder="C-1", to_account=to_account, reason=reason, **later())
    quarantine.quarantine(serials=[SERIAL], reference="case 1", bin_label="MAIN/Q-01", **later())
    paper = quarantine.propose_destruction(serials=[SERIAL], **later())
    quarantine.destroy(code=paper.code, **{**later(), "actor": "staff:bo"})
    return now + timedelta(hours=next(hours))


STORY = [
    "Received", "Placed in MAIN/A-01", "Counted in MAIN/A-01", "Recalled", "Held by a recall",
    "Recall lifted: available again", "Reserved", "Packed", "Handed to the carrier: shipped", "Delivered",
    "Came back", "Quarantined", "Placed in MAIN/Q-01", "Destroyed",
]  # fmt: skip


def test_the_custody_page_tells_the_whole_story_in_order(
    life: datetime, staff_with: StaffWith, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = staff_with(Role.VIEWER)
    with django_assert_max_num_queries(14):
        shown = text_of(client.get(f"/desk/units/{SERIAL.lower()}/"))
    places_in_text = [shown.index(title) for title in STORY]
    assert places_in_text == sorted(places_in_text)
    assert [entry.title for entry in unit_history(SERIAL).entries] == STORY
    assert "All 10 movements match the ledger; 0 of them are sealed" in shown
    for part in ("LOT-9", "Maker", "PO-7", "firmware 5.7", "destroyed", "C-1", "staff:bo"):
        assert part in shown


def test_sealed_movements_say_in_which_seal_they_are(life: datetime, staff_with: StaffWith) -> None:
    seal_days(now=clock.now() + timedelta(days=1))
    history = unit_history(SERIAL)
    assert (history.sealed, history.adds_up) == (10, True)
    shown = text_of(staff_with(Role.VIEWER).get(f"/desk/units/{SERIAL}/"))
    assert "Sealed on" in shown
    assert "no seal yet" not in shown


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_movement_changed_past_the_guards_is_marked(
    life: datetime, is_sealed: bool, staff_with: StaffWith
) -> None:
    if is_sealed:
        seal_days(now=clock.now() + timedelta(days=1))
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    name = trigger_name("movement", "movement_never_changes")
    run_sql(f"ALTER TABLE inventory_movement DISABLE TRIGGER {name}")
    run_sql("UPDATE inventory_movement SET actor = 'staff:eve' WHERE reason = 'pack'")
    run_sql(f"ALTER TABLE inventory_movement ENABLE TRIGGER {name}")
    history = unit_history(SERIAL)
    assert [(entry.title, entry.proof) for entry in history.broken] == [("Packed", Proof.BROKEN)]
    shown = text_of(staff_with(Role.VIEWER).get(f"/desk/units/{SERIAL}/"))
    assert "This history does not match the ledger" in shown
    assert "Do not give this key out" in shown


def test_a_movement_recomputed_after_its_day_was_sealed_is_marked(life: datetime) -> None:
    seal_days(now=clock.now() + timedelta(days=1))
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    name = trigger_name("seal", "seal_never_changes")
    run_sql(f"ALTER TABLE inventory_seal DISABLE TRIGGER {name}")
    run_sql("UPDATE inventory_seal SET leaves = set_byte(leaves, 12, 255 - get_byte(leaves, 12))")
    run_sql(f"ALTER TABLE inventory_seal ENABLE TRIGGER {name}")
    assert [entry.title for entry in unit_history(SERIAL).broken] == ["Received"]


def test_an_unknown_key_is_refused_with_what_to_do(db: None, staff_with: StaffWith) -> None:
    answer = staff_with(Role.VIEWER).get("/desk/units/NO-SUCH-KEY/")
    assert answer.status_code == 404
    assert "There is no unit" in text_of(answer)
    assert "Scan it again, or receive it first." in text_of(answer)


def test_scanning_a_key_on_the_stock_page_leads_to_its_story(db: None, staff_with: StaffWith) -> None:
    answer = staff_with(Role.VIEWER).get("/desk/stock/", {"serial": " sn-0001 "})
    assert (answer.status_code, answer["Location"]) == (302, "/desk/units/sn-0001/")


def test_low_stock_shows_on_the_desk_until_it_is_no_longer_low(
    db: None, now: datetime, staff_with: StaffWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = ensure_catalogue(now)
    receive_stock(
        sku=model.sku, lot_reference="L", quantity=5, expected_quantity=6, actor="staff:ada", now=now
    )
    reserve(holder="C-1", wanted=[Wanted(None, 3)], actor="claimant", now=now)
    client = staff_with(Role.VIEWER)
    assert "runs low" not in text_of(client.get("/desk/stock/"))
    watch_stock(now=now + timedelta(hours=1))
    monkeypatch.setattr("common.clock.now", lambda: now + timedelta(hours=1))
    for page in ("/desk/stock/", "/desk/"):
        assert f"{model.sku} runs low" in text_of(client.get(page))
    shown = text_of(client.get("/desk/stock/"))
    assert "L: 5 of 6 received" in shown
    receive_stock(sku=model.sku, lot_reference="M", quantity=500, actor="staff:ada", now=now)
    watch_stock(now=now + timedelta(hours=2))
    assert StockAlert.objects.get().cleared_at is not None
    assert "runs low" not in text_of(client.get("/desk/stock/"))
