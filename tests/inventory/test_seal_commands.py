"""`seal_ledger` and `export_custody` as they are run."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common import clock
from inventory.jobs import seal_ledger
from inventory.ledger.check_custody import main as check_file
from inventory.models import Movement, Seal
from tests.inventory.conftest import Receive


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def tomorrow(receive: Receive) -> Callable[[], Any]:
    receive(["SN-0001", "SN-0002"])
    recorded_at = Movement.objects.earliest("recorded_at").recorded_at
    return lambda: recorded_at + timedelta(days=1)


def test_it_seals_exports_and_checks(tomorrow: Callable[[], Any], tmp_path: Path) -> None:
    with clock.reading(tomorrow):
        (sealed,) = json.loads(run("seal_ledger", "--json"))["sealed"]
        assert run("seal_ledger") == "Every day that is over has its seal.\n"
        path = tmp_path / "key.json"
        said = run("export_custody", "sn-0001", "--output", str(path))
    assert sealed["movements"] == 2
    assert sealed["seal"] == bytes(Seal.objects.get().hash).hex()
    assert "SN-0001, 1 movements, 1 of them sealed" in said
    assert check_file([str(path), "--seal", sealed["seal"]]) == 0
    assert check_file([str(path), "--seal", "00" * 32]) == 1


def test_the_nightly_job_seals_what_is_over(tomorrow: Callable[[], Any]) -> None:
    with clock.reading(tomorrow):
        seal_ledger(0)
    assert Seal.objects.get().movement_count == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["seal_ledger", "--through", "2999-01-01"], "--through: 2999-01-01 is not over yet"),
        (["seal_ledger", "--through", "soon"], "'soon' is not a day such as 2022-07-11"),
        (["export_custody", "NO-SUCH-KEY"], "There is no unit 'NO-SUCH-KEY'"),
    ],
)
def test_what_it_cannot_do_it_says(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*arguments)
    assert not Seal.objects.exists()
