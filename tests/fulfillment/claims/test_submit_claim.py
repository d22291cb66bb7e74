"""A maintainer claims their keys."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from common.errors import BadRequest
from common.invariants import verify_all
from fulfillment.claims.errors import AlreadyClaimed, Ineligible, UnknownMaintainer
from fulfillment.claims.models import Campaign, Claim, ClaimEvent
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.services.submission import submit_claim
from fulfillment.notices.models import Notice
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import DataKey
from fulfillment.vault.services import Purpose, open_address
from inventory.models import Unit
from inventory.services.receiving import receive_stock
from roster.models import Decision
from tests.conftest import USB_A, MakeClaim

pytestmark = pytest.mark.django_db
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)


@pytest.mark.usefixtures("stock")
def test_it_accepts_and_reserves_one_of_each_connector(make_claim: MakeClaim, address: PostalAddress) -> None:
    claim = make_claim(items=[])
    assert claim.state == "accepted"
    held = Unit.objects.held_by(claim.code).select_related("key_model")
    assert sorted(unit.key_model.connector for unit in held) == ["usb_a", "usb_c"]
    assert open_address(subject=claim.code, purpose=Purpose.CLAIMANT, actor="claimant", now=NOW) == address
    assert [event.name for event in claim.events.all()] == ["accepted"]
    assert claim.decision.outcome == "eligible"
    assert verify_all().violations == []


@pytest.mark.usefixtures("stock")
def test_it_queues_the_mail_and_the_parcel_with_ids_only(
    make_claim: MakeClaim, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        claim = make_claim()
    jobs = dict(ProcrastinateJob.objects.values_list("task_name", "args"))
    notice = Notice.objects.get()
    assert jobs == {
        "notices.send_notices": {"timestamp": 0},
        "shipping.ship_claim": {"claim_id": claim.pk},
    }
    assert (notice.template, notice.claim_code) == ("confirmed", claim.code)


@pytest.mark.usefixtures("stock")
def test_it_gives_the_model_that_was_asked_for(make_claim: MakeClaim) -> None:
    claim = make_claim(items=[WantedItem("KD-C-NFC", 2)])
    assert {unit.key_model.sku for unit in Unit.objects.held_by(claim.code)} == {"KD-C-NFC"}


def test_without_stock_it_gives_a_place_in_line(make_claim: MakeClaim) -> None:
    first, second = make_claim("m-owner"), make_claim("m-second", now=NOW + timedelta(minutes=1))
    assert (first.state, second.state) == ("waitlisted", "waitlisted")
    assert [notice.context for notice in Notice.objects.order_by("id")] == [{"place": 1}, {"place": 2}]
    assert not ProcrastinateJob.objects.filter(task_name="shipping.ship_claim").exists()


def test_half_a_pair_is_not_taken(make_claim: MakeClaim) -> None:
    receive_stock(sku=USB_A, lot_reference="LOT-A", quantity=1, actor="staff", now=NOW)
    assert make_claim().state == "waitlisted"
    assert Unit.objects.available().count() == 1


@pytest.mark.usefixtures("stock")
def test_an_organisation_waits_for_a_person(make_claim: MakeClaim) -> None:
    claim = make_claim("m-org")
    assert claim.state == "in_review"
    assert not Unit.objects.held_by(claim.code).exists()
    assert claim.decision.outcome == "review"


@pytest.mark.usefixtures("stock")
@pytest.mark.parametrize(
    ("username", "rule"), [("m-guarded", "two_factor"), ("m-bystander", "on_critical_roster")]
)
def test_a_refusal_keeps_the_decision_and_nothing_else(
    make_claim: MakeClaim, username: str, rule: str
) -> None:
    with pytest.raises(Ineligible) as caught:
        make_claim(username)
    assert caught.value.decision.headline == rule
    assert Decision.objects.get().headline == rule
    assert not Claim.objects.exists()
    assert not DataKey.objects.exists()
    assert not Unit.objects.filter(account="reserved").exists()


@pytest.mark.usefixtures("stock")
def test_a_second_claim_is_told_of_the_first(make_claim: MakeClaim) -> None:
    first = make_claim()
    with pytest.raises(AlreadyClaimed) as caught:
        make_claim()
    assert caught.value.claim_code == first.code
    assert Claim.objects.count() == 1


@pytest.mark.usefixtures("stock")
def test_a_name_in_other_capitals_is_the_same_person(
    make_claim: MakeClaim, campaign: Campaign, address: PostalAddress
) -> None:
    make_claim("m-owner")
    with pytest.raises(AlreadyClaimed):
        submit_claim(
            campaign=campaign, username="M-Owner", items=[], address=address, actor="claimant", now=NOW
        )


@pytest.mark.usefixtures("roster", "stock")
def test_an_unknown_person_is_named(campaign: Campaign, address: PostalAddress) -> None:
    with pytest.raises(UnknownMaintainer, match="nobody"):
        submit_claim(
            campaign=campaign, username="nobody", items=[], address=address, actor="claimant", now=NOW
        )


@pytest.mark.usefixtures("stock")
@pytest.mark.parametrize(
    ("items", "codes"),
    [
        ([WantedItem("NO-SUCH", 1)], {"items.0.sku": "unknown_sku"}),
        ([WantedItem("KD-A-NFC", 0)], {"items.0.quantity": "too_small"}),
        ([WantedItem("KD-A-NFC", -1)], {"items.0.quantity": "too_small"}),
        ([WantedItem("KD-A-NFC", 3)], {"items": "too_many"}),
        ([WantedItem("KD-A-NFC", 1_000_000)], {"items": "too_many"}),
        ([WantedItem("KD-A-NFC", 1), WantedItem("KD-A-NFC", 1)], {"items": "repeated_sku"}),
        (
            [WantedItem("NO-SUCH", 0), WantedItem("KD-A-NFC", 3)],
            {"items.0.sku": "unknown_sku", "items.0.quantity": "too_small", "items": "too_many"},
        ),
    ],
)
def test_it_names_every_bad_item_and_changes_nothing(
    make_claim: MakeClaim, items: list[WantedItem], codes: dict[str, str]
) -> None:
    with pytest.raises(BadRequest) as caught:
        make_claim(items=items)
    assert {error.field: error.code for error in caught.value.errors} == codes
    assert not Claim.objects.exists()
    assert not Decision.objects.exists()


@pytest.mark.usefixtures("stock")
def test_the_number_of_queries_does_not_grow(make_claim: MakeClaim) -> None:
    with CaptureQueriesContext(connection) as first:
        make_claim("m-owner")
    with CaptureQueriesContext(connection) as second:
        make_claim("m-second")
    assert len(second) <= len(first) <= 40


@pytest.mark.usefixtures("stock")
def test_the_database_refuses_a_second_live_claim(make_claim: MakeClaim) -> None:
    """I3 is the database's, whatever Python thinks."""
    claim = make_claim()
    with pytest.raises(IntegrityError, match="one_live_claim_per_maintainer"), transaction.atomic():
        Claim.objects.create(
            campaign=claim.campaign,
            account=claim.account,
            decision=claim.decision,
            state="accepted",
            country="US",
            service="standard",
            created_at=NOW,
            updated_at=NOW,
        )


@pytest.mark.usefixtures("stock")
def test_the_database_refuses_a_step_that_is_not_in_the_table(make_claim: MakeClaim) -> None:
    claim = make_claim()
    with pytest.raises(DatabaseError), transaction.atomic():
        Claim.objects.filter(pk=claim.pk).update(state="delivered")


@pytest.mark.usefixtures("stock")
def test_events_cannot_be_changed(make_claim: MakeClaim) -> None:
    make_claim()
    for change in (ClaimEvent.objects.all().delete, lambda: ClaimEvent.objects.update(actor="nobody")):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
