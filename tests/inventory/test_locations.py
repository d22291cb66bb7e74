"""Warehouses and bins are kept as a list says, and keys are sent from where they lie."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from inventory.errors import BadLocation
from inventory.models import Bin, Unit, Warehouse
from inventory.selectors import locations, ship_from
from inventory.services.bin_transfers import put_away
from inventory.services.locations import read_location, upsert_location
from tests.inventory.conftest import NOW, Receive

pytestmark = pytest.mark.django_db
MAIN = {
    "code": "MAIN",
    "name": "Main store",
    "contact_name": "Stores",
    "street1": "1 Store Street",
    "city": "Delft",
    "country": "NL",
    "bins": ["A-01", "A-02"],
    "quarantine": ["Q-01"],
}


def keep(**changed: Any) -> Any:
    return upsert_location(read_location({**MAIN, **changed}))


def test_a_warehouse_with_its_bins_is_created_once() -> None:
    first, second = keep(), keep()
    assert (first.is_new, first.bins_added) == (True, ["A-01", "A-02", "Q-01"])
    assert (second.is_new, second.bins_added) == (False, [])
    assert Warehouse.objects.count() == 1
    assert list(Bin.objects.filter(is_quarantine=True).values_list("code", flat=True)) == ["Q-01"]


def test_its_address_is_brought_up_to_date_and_bins_are_added_but_never_taken_away() -> None:
    keep()
    assert keep(street1="2 Store Street", bins=["a-03 "]).bins_added == ["A-03"]
    (found,) = locations()
    assert (found["street1"], found["bins"]) == ("2 Store Street", ["A-01", "A-02", "A-03"])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"code": "x"}, "code"),
        ({"code": "=CMD()"}, "code"),
        ({"code": 7}, "code"),
        ({"name": " "}, "name"),
        ({"city": "x" * 101}, "city"),
        ({"country": "Netherlands"}, "country"),
        ({"country": "nl"}, "country"),
        ({"colour": "red"}, "colour"),
        ({"bins": ["A 01"]}, "bins"),
        ({"bins": "A-01"}, "bins"),
        ({"bins": [1]}, "bins"),
        ({"bins": ["Q-01"]}, "quarantine"),
    ],
)
def test_what_cannot_be_kept_is_named_and_changes_nothing(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(BadLocation) as refusal:
        keep(**changed)
    assert field in [name for name, _ in refusal.value.problems]
    assert not Warehouse.objects.exists()


def test_a_bin_does_not_become_a_quarantine_bin() -> None:
    keep()
    with pytest.raises(BadLocation, match="A-01 is not for quarantine"):
        keep(bins=[], quarantine=["A-01"], name="Other")
    assert Warehouse.objects.get().name == "Main store"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    def write(document: Any) -> Path:
        path = tmp_path / "locations.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return write


def run(*arguments: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("locations", *arguments, json=True, stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_the_command_keeps_a_file_twice_and_lists(write: Callable[[Any], Path]) -> None:
    path = write([MAIN, {**MAIN, "code": "EAST"}])
    assert [one["is_new"] for one in run(path)["changed"]] == [True, True]
    assert [one["bins_added"] for one in run(path)["changed"]] == [[], []]
    assert [one["code"] for one in run()["warehouses"]] == ["EAST", "MAIN"]


@pytest.mark.parametrize("document", ["{", [1], [MAIN, {**MAIN, "code": "?"}]])
def test_a_bad_file_keeps_nothing(write: Callable[[Any], Path], document: Any) -> None:
    with pytest.raises(CommandError):
        run(write(document))
    assert not Warehouse.objects.exists()


def test_keys_are_sent_from_where_most_of_them_lie(receive: Receive) -> None:
    assert ship_from(sku="KD-A-NFC") is None
    keep()
    keep(code="EAST")
    receive(5)
    lying = ship_from(sku="KD-A-NFC")
    assert lying is not None
    assert lying.code == "EAST", "keys that lie nowhere: the first by code"
    serials = list(Unit.objects.order_by("serial").values_list("serial", flat=True))
    put_away(serials=serials[:3], bin_label="MAIN/A-01", actor="staff:ada", now=NOW)
    put_away(serials=serials[3:], bin_label="EAST/A-01", actor="staff:ada", now=NOW)
    for asked in ({"sku": "KD-A-NFC"}, {"lot": "L-KD-A-NFC"}, {"units": Unit.objects.all()}):
        found = ship_from(**asked)
        assert found is not None
        assert found.code == "MAIN"
    found = ship_from(units=Unit.objects.filter(serial__in=serials[3:]))
    assert found is not None
    assert found.code == "EAST"
