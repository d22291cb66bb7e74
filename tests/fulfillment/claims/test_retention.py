"""Addresses leave on their date, by the nightly job and by `shred_addresses`."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common import clock
from fulfillment.claims import jobs
from fulfillment.claims.models import Claim
from fulfillment.claims.rules.retention import KEEP_ADDRESS_FOR
from fulfillment.claims.services.shipment_callbacks import (
    record_delivered,
    record_returning,
    record_shipped,
    start_label,
)
from fulfillment.vault.models import DataKey
from fulfillment.vault.services import LONGEST_KEPT
from tests.conftest import MakeClaim

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stock")]


@pytest.fixture(autouse=True)
def at(now: datetime) -> Iterator[dict[str, timedelta]]:
    """Moves the clock of the commands: `at["later"]`."""
    moved = {"later": timedelta(0)}
    with clock.reading(lambda: now + moved["later"]):
        yield moved


@pytest.fixture
def delivered(make_claim: MakeClaim, now: datetime) -> Claim:
    claim = shipped(make_claim(), now)
    record_delivered(claim, now=now)
    return claim


def shipped(claim: Claim, now: datetime) -> Claim:
    start_label(claim_id=claim.pk, now=now)
    record_shipped(claim, carrier="USPS", tracking_code="1", now=now)
    return claim


def shred(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("shred_addresses", "--json", *arguments, stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def is_shredded(claim: Claim) -> bool:
    return DataKey.objects.get(subject=claim.code).shredded_at is not None


def test_an_address_leaves_ninety_days_after_delivery(delivered: Claim, at: dict[str, timedelta]) -> None:
    at["later"] = KEEP_ADDRESS_FOR - timedelta(seconds=1)
    jobs.shred_due_addresses(timestamp=0)
    assert not is_shredded(delivered)
    at["later"] = KEEP_ADDRESS_FOR
    jobs.shred_due_addresses(timestamp=0)
    assert is_shredded(delivered)


def test_the_command_names_and_shreds_what_is_due(delivered: Claim, at: dict[str, timedelta]) -> None:
    at["later"] = KEEP_ADDRESS_FOR
    expected = {"dry_run": True, "shredded": 0, "due": [delivered.code], "campaigns": []}
    assert shred("--dry-run") == expected
    assert not is_shredded(delivered)
    assert shred()["shredded"] == 1
    assert is_shredded(delivered)
    assert shred()["due"] == []


def test_it_can_be_told_to_keep_less(delivered: Claim, at: dict[str, timedelta]) -> None:
    at["later"] = timedelta(days=30)
    assert shred("--older-than-days", "31")["shredded"] == 0
    assert shred("--older-than-days", "30")["shredded"] == 1
    assert is_shredded(delivered)


def test_a_parcel_under_way_keeps_its_address_whatever_is_asked(make_claim: MakeClaim, now: datetime) -> None:
    claim = shipped(make_claim(), now)
    assert shred("--older-than-days", "0")["shredded"] == 0
    assert not is_shredded(claim)


def test_what_comes_back_leaves_too(make_claim: MakeClaim, now: datetime, at: dict[str, timedelta]) -> None:
    claim = shipped(make_claim(), now)
    record_returning(claim, problem="it was refused", now=now)
    at["later"] = KEEP_ADDRESS_FOR
    assert shred()["shredded"] == 1


def test_no_address_outlives_the_longest_time_however_its_claim_goes(
    make_claim: MakeClaim, at: dict[str, timedelta]
) -> None:
    claim = make_claim()
    at["later"] = LONGEST_KEPT
    assert shred()["shredded"] == 1
    assert is_shredded(claim)


def test_a_number_of_days_below_nothing_is_refused() -> None:
    with pytest.raises(CommandError, match="--older-than-days"):
        shred("--older-than-days", "-1")
