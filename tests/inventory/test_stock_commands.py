"""`receive_stock`, `count_stock` and `recall` as a store keeper runs them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from inventory.barcode_sheets import modules, tag_sheet
from inventory.models import Count, Movement, Recall, Unit
from inventory.services.bin_transfers import add_warehouse, put_away
from tests.inventory.conftest import NOW, Receive


def run(*arguments: Any) -> Any:
    out = StringIO()
    call_command(*[str(argument) for argument in arguments], "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def shelf(receive: Receive) -> list[str]:
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
    serials = ["SN-0001", "SN-0002", "SN-0003"]
    receive(serials)
    put_away(serials=serials, bin_label="MAIN/A-01", actor="staff:ada", now=NOW)
    return serials


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    path = tmp_path / "scans.txt"
    path.write_text("\ufeffSN-0001\nsn-0002 \n")
    return path


def test_a_bin_is_counted_and_settled_by_two(shelf: list[str], scans: Path) -> None:
    counted = run("count_stock", "--bin", "MAIN/A-01", "--serials", scans, "--actor", "staff:ada")
    assert counted["differences"] == [{"serial": "SN-0003", "kind": "missing", "reason": ""}]
    settle = ["count_stock", "--approve", counted["code"], "--reason", "SN-0003=lost"]
    with pytest.raises(CommandError, match="Another member of staff must approve it"):
        run(*settle, "--actor", "staff:ada")
    assert run(*settle, "--actor", "staff:bo")["state"] == "approved"
    assert Unit.objects.get(serial="SN-0003").account == "missing"


def test_a_count_can_be_thrown_away(shelf: list[str], scans: Path) -> None:
    code = run("count_stock", "--bin", "MAIN/A-01", "--serials", scans, "--actor", "staff:ada")["code"]
    assert run("count_stock", "--cancel", code, "--actor", "staff:ada")["state"] == "cancelled"


def test_a_recall_is_tried_opened_and_lifted(shelf: list[str]) -> None:
    wanted = ["recall", "--sku", "KD-A-NFC", "--actor", "staff:ada"]
    assert run(*wanted, "--dry-run") == {"code": None, "affected": 3}
    assert not Recall.objects.exists()
    opened = run(*wanted, "--why", "side channel")
    assert opened["accounts"] == {"held": 3}
    assert run("recall", "--lift", opened["code"], "--actor", "staff:bo")["accounts"] == {"available": 3}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recall", "--sku", "KD-A-NFC"], "--why"),
        (["recall", "--firmware-to", "five", "--why", "x"], "'five' is not a firmware version"),
        (["recall", "--why", "x"], "a recall needs a model"),
        (["recall", "--lift", "R-NONE"], "no open recall"),
        (["count_stock", "--bin", "MAIN/A-01"], "--serials"),
        (["count_stock", "--approve", "K-1", "--reason", "lost"], "SERIAL=REASON"),
        (["count_stock", "--approve", "K-1"], "no count 'K-1'"),
    ],
)
def test_what_cannot_be_done_changes_nothing(shelf: list[str], arguments: list[str], said: str) -> None:
    before = Movement.objects.count()
    with pytest.raises(CommandError, match=said):
        run(*arguments, "--actor", "staff:ada")
    with pytest.raises(CommandError, match="staff:name"):
        run(*arguments, "--actor", "ada@example.org")
    assert Movement.objects.count() == before
    assert not Count.objects.exists()


def test_a_dry_run_lists_every_bad_row_and_receives_nothing(shelf: list[str], tmp_path: Path) -> None:
    path = tmp_path / "serials.csv"
    path.write_text("serial,box\nSN-0009,1\nSN-0001,1\n=HYPERLINK(1),1\nSN-0009,2\n")
    for extra in (["--dry-run"], []):
        with pytest.raises(CommandError) as refusal:
            run("receive_stock", "--sku", "KD-A-NFC", "--lot", "L-9", "--serials", path, *extra)
        assert refusal.value.returncode == 2
        assert [line.split(": ")[1] for line in str(refusal.value).splitlines()] == [
            "line 3, field serial",
            "line 4, field serial",
            "line 5, field serial",
        ]
    assert Unit.objects.count() == 3


def test_an_interrupted_receipt_goes_on(shelf: list[str], tmp_path: Path) -> None:
    path = tmp_path / "serials.txt"
    path.write_text("AA-0001\nAA-0002\n")
    receive = ["receive_stock", "--sku", "KD-A-NFC", "--lot", "L-9", "--serials", path]
    assert run(*receive)["received"] == 2
    with pytest.raises(CommandError, match="has been received before"):
        run(*receive)
    path.write_text("AA-0001\nAA-0002\nAA-0003\n")
    assert run(*receive, "--resume")["received"] == 1
    assert run(*receive, "--resume")["received"] == 0
    path.write_text("SN-0001\nAA-0004\n")
    with pytest.raises(CommandError, match="SN-0001 has been received before"):
        run(*receive, "--resume")


def test_tags_are_printed_for_keys_without_serials(shelf: list[str], tmp_path: Path) -> None:
    path = tmp_path / "tags.pdf"
    run("receive_stock", "--sku", "KD-A-NFC", "--lot", "L-9", "--quantity", 30, "--tags", path)
    assert path.read_bytes().startswith(b"%PDF-")
    assert len(path.read_bytes()) > len(tag_sheet(["KD-000000000000"])) * 2


def test_a_bar_code_is_of_code_128() -> None:
    """Start and stop patterns, and 11 modules a symbol, as in ISO/IEC 15417."""
    line = modules("KD-7K2M9QX4T0ZB")
    assert line.startswith("11010010000")
    assert line.endswith("1100011101011")
    assert len(line) % 11 == 2
