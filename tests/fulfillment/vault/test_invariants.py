"""I9 finds an address in plain text in any column."""

from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from fulfillment.claims.models import ClaimEvent
from fulfillment.notices.models import Notice
from fulfillment.vault import services
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.invariants import (
    no_address_outside_the_vault,
    no_document_outlives_its_key,
    shredding_is_on_time,
)
from fulfillment.vault.models import DataKey, EncryptedDocument
from tests.conftest import MakeClaim, Roster

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADDRESS = PostalAddress(
    name="Ada Example", street1="12 Torvandel Way", city="Portland", country="US", phone="+15550100123"
)


def found() -> list[tuple[str, list[str]]]:
    return [(violation.message, list(violation.ids)) for violation in no_address_outside_the_vault()[1]]


def test_an_address_in_the_vault_is_where_it_belongs() -> None:
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    assert no_address_outside_the_vault() == (2, [])


@pytest.mark.parametrize("leak", ["Sent to 12 TORVANDEL WAY, Portland", "call +15550100123 first"])
def test_it_is_found_in_a_text(roster: Roster, leak: str) -> None:
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    Notice.objects.create(
        account=roster["m-owner"], template="problem", key="k", body=leak, created_at=NOW, due_at=NOW
    )
    assert found() == [("notices_notice.body contains part of an address in plain text", ["C-1"])]


@pytest.mark.usefixtures("stock")
def test_it_is_found_in_an_events_data(make_claim: MakeClaim) -> None:
    claim = make_claim()
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    ClaimEvent.objects.create(
        claim=claim,
        name="tracked",
        state_after="accepted",
        actor="x",
        at=NOW,
        data={"to": "12 Torvandel Way"},
    )
    assert found() == [("claims_claimevent.data contains part of an address in plain text", ["C-1"])]


def test_it_is_found_in_a_jobs_arguments() -> None:
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    from procrastinate.contrib.django import app

    app.configure_task("shipping.ship_claim").defer(claim_id="12 Torvandel Way")
    assert ProcrastinateJob.objects.count() == 1
    assert ("procrastinate_jobs.args contains part of an address in plain text", ["C-1"]) in found()


def test_it_is_found_in_writing_without_spaces(roster: Roster) -> None:
    there = PostalAddress(name="例", street1="千代田区千代田一番一号", country="JP")
    services.store_address(subject="C-1", address=there, now=NOW)
    Notice.objects.create(
        account=roster["m-owner"],
        template="problem",
        key="k",
        body="東京都千代田区千代田一番一号まで",
        created_at=NOW,
        due_at=NOW,
    )
    assert [ids for _, ids in found()] == [["C-1"]]


def test_a_document_that_outlived_its_key_is_found() -> None:
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    kept = EncryptedDocument.objects.values("kind", "name", "nonce", "ciphertext", "encrypted_at").get()
    services.shred(subject="C-1", now=NOW)
    assert list(no_document_outlives_its_key()[1]) == []
    EncryptedDocument.objects.create(data_key=DataKey.objects.get(), **kept)
    assert [violation.ids for violation in no_document_outlives_its_key()[1]] == [["C-1"]]


def test_an_address_past_its_date_is_found_two_nights_later() -> None:
    services.store_address(subject="C-1", address=ADDRESS, now=NOW)
    services.schedule_shredding(subject="C-1", shred_after=NOW + timedelta(days=1))
    services.store_address(subject="C-2", address=ADDRESS, now=NOW + timedelta(days=2))
    assert list(shredding_is_on_time()[1]) == []
    services.store_address(subject="C-3", address=ADDRESS, now=NOW + timedelta(days=3))
    assert [violation.ids for violation in shredding_is_on_time()[1]] == [["C-1"]]
    services.shred_due(now=NOW + timedelta(days=3))
    assert list(shredding_is_on_time()[1]) == []
