"""`buy_labels` and `reconcile_labels`: what they do, print and exit with."""

import json
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common import clock
from fulfillment.postage import gateways
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services.label_batches import (
    buy_labels,
    plan_labels,
    waiting_claims,
    waiting_purchases,
)
from fulfillment.shipments.models import BuyingPause, LabelPurchase
from sandbox.client import Control
from tests.conftest import MakeClaim
from tests.flushing import _flush_past_the_triggers  # noqa: F401
from tests.fulfillment.conftest import Buy, Plan
from tests.fulfillment.postage.test_label_reconciliation import buy_by_hand

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _surroundings(gateway: EasyPostGateway, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(gateways, "carrier_gateway", lambda: gateway)
    with clock.reading(lambda: now):
        yield


def run(name: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the document."""
    output = StringIO()
    try:
        call_command(name, *arguments, "--json", stdout=output, stderr=StringIO())
        status = 0
    except CommandError as error:
        status = error.returncode
    return status, json.loads(output.getvalue() or "{}")


def test_labels_of_all_waiting_claims_are_bought(make_claim: MakeClaim, stock: None, vendor: Control) -> None:
    make_claim()
    make_claim("m-second")
    assert run("buy_labels", "--dry-run") == (0, {"claims_waiting": 2, "parcels_waiting": 0})
    assert vendor.state()["labels_bought"] == 0
    assert run("buy_labels", "--workers", "1") == (0, {"parcels": 2, "bought": 2, "paused": []})
    assert vendor.state()["labels_bought"] == 2
    assert run("buy_labels", "--workers", "1") == (0, {"parcels": 0, "paused": []})


def test_labels_of_named_claims_only(make_claim: MakeClaim, stock: None, vendor: Control) -> None:
    named = make_claim()
    make_claim("m-second")
    assert run("buy_labels", named.code, "--workers", "1")[1]["bought"] == 1
    assert vendor.labels()[0]["reference"] == LabelPurchase.objects.get().reference
    assert run("buy_labels", "--limit", "0", "--workers", "1")[1]["parcels"] == 0


def test_a_claim_that_is_none_is_named(make_claim: MakeClaim, stock: None, vendor: Control) -> None:
    make_claim()
    assert run("buy_labels", "C-0")[0] == 2
    assert not LabelPurchase.objects.exists()


def test_an_empty_wallet_ends_it_with_status_1_until_it_is_resumed(
    make_claim: MakeClaim, stock: None, vendor: Control
) -> None:
    make_claim()
    vendor.settings(wallet_cents=1)
    status, document = run("buy_labels", "--workers", "1")
    assert (status, document["paused"]) == (1, ["the wallet is empty"])
    vendor.settings(wallet_cents=100_000)
    assert run("buy_labels", "--workers", "1")[0] == 1
    assert run("buy_labels", "--workers", "1", "--resume") == (0, {"parcels": 1, "bought": 1, "paused": []})
    assert not BuyingPause.objects.exists()


def test_reconciling_books_that_agree(plan: Plan, buy: Buy) -> None:
    purchase = buy(plan())
    status, document = run("reconcile_labels")
    assert (status, document["labels"], document["cents"]) == (0, 1, purchase.cost_cents)


def test_reconciling_books_that_differ_ends_with_status_1(gateway: EasyPostGateway) -> None:
    by_hand = buy_by_hand(gateway, "by hand")
    status, document = run("reconcile_labels", "--days", "1")
    assert (status, document["stray"]) == (1, [by_hand])


@pytest.mark.django_db(transaction=True)
def test_several_workers_buy_each_label_once(
    make_claim: MakeClaim, stock: None, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    for username in ("m-owner", "m-second"):
        make_claim(username)
    assert plan_labels(waiting_claims(), now=now) == 2
    ended = buy_labels(waiting_purchases() * 3, gateway=gateway, workers=4, name="tests:1", now=lambda: now)
    assert ended["bought"] >= 2
    assert set(LabelPurchase.objects.values_list("state", flat=True)) == {"bought"}
    assert (vendor.state()["labels_bought"], vendor.state()["second_purchases_refused"]) == (2, 0)
