"""`go_live_check` against the stand-in: what it relies on is there, and it notices when it is not."""

import json
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from fulfillment.postage.gateways import go_live_checks
from sandbox.client import Control
from sandbox.server import Sandbox


@pytest.fixture(autouse=True)
def _asks_the_stand_in(stand_in: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = settings.ENVIRONMENT.model_copy(update={"easypost_api_base": stand_in.easypost_url})
    monkeypatch.setattr(settings, "ENVIRONMENT", environment)
    monkeypatch.setattr(go_live_checks, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(go_live_checks, "GIVE_UP_AFTER_S", 0.3)


def check(*arguments: str) -> tuple[int, dict[str, Any]]:
    output = StringIO()
    try:
        call_command("go_live_check", *arguments, "--json", stdout=output, stderr=StringIO())
        status = 0
    except CommandError as error:
        status = error.returncode
    return status, json.loads(output.getvalue() or "{}")


def test_the_stand_in_behaves_as_labels_are_bought(vendor: Control) -> None:
    status, document = check()
    assert status == 0, document
    assert {name for name, one in document["probes"].items() if one["ok"]} >= {
        "buy twice",
        "buy twice at once",
        "customs missing",
        "blocked country",
        "no key",
        "wrong key",
    }
    assert len(document["by_hand"]) == 5


def test_a_vendor_that_sells_a_second_label_is_noticed(vendor: Control) -> None:
    vendor.settings(one_label_a_shipment=False)
    status, document = check("--only", "buy twice")
    assert status == 1
    assert document["probes"]["buy twice"]["ok"] is False


def test_production_is_never_probed(vendor: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    production = settings.ENVIRONMENT.model_copy(update={"easypost_mode": "production"})
    monkeypatch.setattr(settings, "ENVIRONMENT", production)
    assert check()[0] == 2
    assert vendor.state("production")["shipments"] == 0


def test_a_probe_that_is_none_is_named(vendor: Control) -> None:
    assert check("--only", "everything")[0] == 2
