"""Return labels: bought by the protocol of any label, given to the maintainer, refunded when no one posts them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from common.invariants import verify_all
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.casework.services import shipment_actions, stalled_work
from fulfillment.claims.errors import TooLate
from fulfillment.claims.models import ClaimEvent
from fulfillment.documents import typesetting
from fulfillment.documents.parcel_documents import Sheet
from fulfillment.documents.typesetting import as_pdf, as_pictures
from fulfillment.notices.models import Notice
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.services import return_labels
from fulfillment.postage.services.label_files import fetch_label
from fulfillment.postage.services.label_refunds import check_refunds, refund_unused, request_refund
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.recovery import resolve_purchases
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.shipments.errors import LabelNotRefundable, NoReturnLabel, ReturnUnderWay
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.shipments.rules.tracking import change_by_return, placed_by
from fulfillment.shipments.services.cases import open_case
from fulfillment.tracking.services.carrier_events import _apply, ask_silent_trackers
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import Opening
from fulfillment.vault.services import shred
from fulfillment.warehouse.services import returns
from inventory.models import Unit
from sandbox.client import Control
from tests.fulfillment.conftest import (
    SETTLE,
    WORKER,
    Buy,
    Plan,
    cases_of,
    forget_jobs,
    fresh,
    waiting_jobs,
)
from tests.fulfillment.warehouse.scans import PACKER, serials

pytestmark = pytest.mark.django_db

REVIEWER = "staff:ada"
BERLIN = PostalAddress(
    name="Łucja Example",
    street1="Unter den Linden 1",
    city="Berlin",
    postal_code="10117",
    country="DE",
    phone="+49 30 555010",
)

Says = Callable[..., None]
Give = Callable[..., LabelPurchase]


@pytest.fixture
def says(now: datetime) -> Says:
    """What the carrier says of a label's parcel, some days after now."""

    def says(purchase: LabelPurchase, status: str, detail: str = "", *, days: float = 1) -> None:
        at = now + timedelta(days=days)
        state = TrackerState(status, detail, at)
        _apply(fresh(purchase), state, said_at=at, webhook=None, now=at, is_confirmed=True)

    return says


@pytest.fixture
def arrived(bought: LabelPurchase, says: Says, now: datetime) -> LabelPurchase:
    """A parcel at its door, whose seal was broken."""
    says(bought, "in_transit")
    says(bought, "delivered", days=3)
    open_case(shipment=bought.shipment, reason=CaseReason.SEAL_BROKEN, now=now + timedelta(days=3))
    return fresh(bought)


def code_of(purchase: LabelPurchase, reason: CaseReason = CaseReason.SEAL_BROKEN) -> str:
    return Case.objects.get(shipment=purchase.shipment, reason=reason, closed_at=None).code


def planned_return(purchase: LabelPurchase) -> LabelPurchase:
    return fresh(LabelPurchase.objects.returns().filter(shipment=purchase.shipment).latest("generation"))


@pytest.fixture
def give(arrived: LabelPurchase, gateway: EasyPostGateway, now: datetime) -> Give:
    """Give a return label to the maintainer, and work its jobs."""

    def give(*, at: datetime | None = None) -> LabelPurchase:
        at = at or now + timedelta(days=4)
        shipment_actions.give_return_label(code=code_of(arrived), actor=REVIEWER, now=at)
        planned = planned_return(arrived)
        buy_label(purchase_id=planned.pk, gateway=gateway, worker=WORKER, now=at)
        fetch_label(purchase_id=planned.pk, gateway=gateway, now=at)
        return fresh(planned)

    return give


def test_a_return_label_is_bought_and_its_owner_is_told(
    arrived: LabelPurchase, give: Give, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    given = give()
    assert (given.state, given.is_return, given.insured_cents) == (PurchaseState.BOUGHT, True, 0)
    assert vendor.state()["labels_bought"] == 2
    assert vendor.state()["spent_cents"] == (arrived.cost_cents or 0) + (given.cost_cents or 0)
    told = Notice.objects.get(template="return_label")
    assert told.account_id == arrived.shipment.claim.account_id
    assert told.context == {"carrier": "USPS", "until": (now + timedelta(days=31)).isoformat()}
    # The money is in the story, which the reports add up.
    events = arrived.shipment.claim.events.filter(name=ClaimEvent.Name.LABEL_BOUGHT).order_by("id")
    assert [event.data.get("is_return", False) for event in events] == [False, True]
    # The parcel itself is where it was, with the label that it went out with.
    assert fresh(arrived).state == PurchaseState.BOUGHT
    assert fresh(arrived).shipment.state == ShipmentState.DELIVERED
    assert verify_all().violations == []


def test_the_vendor_is_given_the_ends_as_they_were_and_told_that_it_is_a_return(
    give: Give, gateway: EasyPostGateway
) -> None:
    given = give()
    seen = gateway._client().shipment.retrieve(given.vendor_shipment_id).to_dict()
    assert seen["is_return"] is True
    assert (
        seen["from_address"]["company"] == "KD FULFILMENT"
        or seen["from_address"]["company"] == "KD Fulfilment"
    )
    assert seen["to_address"]["name"].upper() == "ROBIN EXAMPLE"
    assert seen["reference"] == given.reference


def test_what_comes_back_from_abroad_is_declared_as_returned_goods_by_its_sender(
    plan: Plan, buy: Buy, says: Says, gateway: EasyPostGateway, now: datetime
) -> None:
    bought = buy(plan(address=BERLIN))
    says(bought, "delivered")
    open_case(shipment=bought.shipment, reason=CaseReason.DAMAGED, now=now)
    shipment_actions.give_return_label(code=code_of(bought, CaseReason.DAMAGED), actor=REVIEWER, now=now)
    given = planned_return(bought)
    buy_label(purchase_id=given.pk, gateway=gateway, worker=WORKER, now=now)
    assert fresh(given).state == PurchaseState.BOUGHT
    seen = gateway._client().shipment.retrieve(fresh(given).vendor_shipment_id).to_dict()["customs_info"]
    assert (seen["contents_type"], seen["customs_signer"]) == ("returned_goods", "Lucja Example")
    assert not seen["eel_pfc"]


def test_its_owner_prints_it_with_what_to_do(
    arrived: LabelPurchase, give: Give, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = give()
    claim = arrived.shipment.claim
    (label,) = return_labels.return_labels_of(claim)
    assert (label.parcel, label.is_posted) == (arrived.shipment.code, False)
    drawn: list[tuple[Any, Sheet]] = []

    def draw(papers: Any, *, sheet: Sheet) -> bytes:
        drawn.append((papers, sheet))
        return as_pdf(papers, sheet=sheet)

    monkeypatch.setattr(typesetting, "as_pdf", draw)
    printed = return_labels.print_return(claim=claim, parcel=label.parcel, actor="account:1", now=now)
    assert printed.startswith(b"%PDF-")
    ((papers, sheet),) = drawn
    assert len(as_pictures(papers, sheet=sheet)) == 1
    opening = Opening.objects.latest("id")
    assert (opening.purpose, opening.actor) == ("claimant", "account:1")
    assert given.carrier in papers[0].slip.carrier


def test_there_is_nothing_to_print_when_the_address_is_erased(
    arrived: LabelPurchase, give: Give, now: datetime
) -> None:
    give()
    claim = arrived.shipment.claim
    shred(subject=claim.code, now=now)
    with pytest.raises(NoReturnLabel):
        return_labels.print_return(claim=claim, parcel=arrived.shipment.code, actor="account:1", now=now)


def test_one_is_given_at_a_time(arrived: LabelPurchase, give: Give, now: datetime) -> None:
    give()
    with pytest.raises(ReturnUnderWay):
        shipment_actions.give_return_label(code=code_of(arrived), actor=REVIEWER, now=now)
    given = planned_return(arrived)
    with pytest.raises(IntegrityError, match="one_live_purchase_per_shipment"), transaction.atomic():
        LabelPurchase.objects.create(
            shipment=given.shipment, generation=9, is_return=True, mode="test", price_cap_cents=1,
            promised_days=1, incoterm="DAP", created_at=now,
        )  # fmt: skip


def test_a_parcel_that_is_still_here_or_back_gets_none(bought: LabelPurchase, now: datetime) -> None:
    open_case(shipment=bought.shipment, reason=CaseReason.DAMAGED, now=now)
    with pytest.raises(TooLate):
        shipment_actions.give_return_label(code=code_of(bought, CaseReason.DAMAGED), actor=REVIEWER, now=now)
    assert not LabelPurchase.objects.returns().exists()


def test_posted_it_is_on_its_way_back_and_scanned_in_it_is_in_quarantine(
    arrived: LabelPurchase, give: Give, says: Says, now: datetime
) -> None:
    given = give()
    says(given, "pre_transit", days=5)
    assert fresh(arrived).shipment.state == ShipmentState.DELIVERED
    says(given, "in_transit", days=6)
    claim = fresh(arrived).shipment.claim
    assert (fresh(arrived).shipment.state, claim.state) == (ShipmentState.RETURNING, "returned")
    # It was asked for: nothing was taken back, and no one is told of a problem.
    assert cases_of(arrived) == ["seal_broken"]
    assert not Notice.objects.filter(template="problem").exists()
    (label,) = return_labels.return_labels_of(claim)
    assert label.is_posted
    with pytest.raises(NoReturnLabel):
        return_labels.print_return(claim=claim, parcel=label.parcel, actor="account:1", now=now)
    assert verify_all().violations == []
    # At our door by the carrier's word: someone has to find it.
    says(given, "delivered", days=9)
    assert cases_of(arrived) == ["returned", "seal_broken"]
    keys = serials(arrived.shipment)
    taken = returns.receive_return(
        label=given.tracking_code, serials=keys, actor=PACKER, now=now + timedelta(days=9)
    )
    assert (taken.shipment.pk, sorted(taken.quarantined)) == (arrived.shipment_id, sorted(keys))
    assert {Unit.objects.get(serial=serial).account for serial in keys} == {"quarantine"}
    says(given, "delivered", detail="status_update", days=10)
    assert fresh(arrived).shipment.state == ShipmentState.BACK
    assert verify_all().violations == []


def test_a_return_that_is_lost_is_lost(arrived: LabelPurchase, give: Give, says: Says) -> None:
    given = give()
    says(given, "in_transit", days=5)
    says(given, "failure", "lost", days=9)
    assert fresh(arrived).shipment.state == ShipmentState.LOST
    assert "lost" in cases_of(arrived)
    assert verify_all().violations == []


def test_a_return_that_comes_back_to_its_sender_is_a_case(
    arrived: LabelPurchase, give: Give, says: Says
) -> None:
    given = give()
    says(given, "in_transit", days=5)
    says(given, "return_to_sender", "return", days=9)
    assert fresh(arrived).shipment.state == ShipmentState.RETURNING
    assert "delivery_problem" in cases_of(arrived)
    assert verify_all().violations == []


@pytest.mark.parametrize(
    ("current", "status", "becomes", "case"),
    [
        ("delivered", "unknown", None, None),
        ("delivered", "pre_transit", None, None),
        ("delivered", "in_transit", "returning", None),
        ("in_transit", "in_transit", "returning", None),
        ("lost", "out_for_delivery", "returning", None),
        ("returning", "in_transit", None, None),
        ("delivered", "delivered", "returning", "returned"),
        ("returning", "delivered", None, "returned"),
        ("returning", "return_to_sender", None, "delivery_problem"),
        ("returning", "failure", None, "delivery_problem"),
        ("returning", "teleported", None, "unknown_status"),
        ("back", "delivered", None, None),
    ],
)
def test_what_a_word_about_a_return_does(
    current: str, status: str, becomes: str | None, case: str | None
) -> None:
    effect = change_by_return(ShipmentState(current), status, "")
    assert (effect.state, effect.case) == (becomes, case)
    if becomes is not None:
        assert placed_by(status, "", is_return=True) == becomes


def test_nobody_posted_it_so_the_money_is_asked_back_in_time(
    arrived: LabelPurchase, give: Give, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(refund_days=1, journey="realistic")
    given = give(at=now + timedelta(days=4))
    in_time = now + timedelta(days=4 + 27)
    assert refund_unused(gateway=gateway, now=in_time - timedelta(seconds=1)) == 0
    assert refund_unused(gateway=gateway, now=in_time) == 1
    assert fresh(given).state == PurchaseState.REFUND_REQUESTED
    # No one can print what is being given back.
    assert return_labels.return_labels_of(arrived.shipment.claim) == []
    assert cases_of(arrived) == ["no_return", "seal_broken"]
    vendor.advance(2 * 86_400)
    check_refunds(gateway=gateway, now=in_time + timedelta(days=2))
    assert fresh(given).state == PurchaseState.REFUNDED
    assert fresh(arrived).shipment.state == ShipmentState.DELIVERED
    assert vendor.state()["refunded_cents"] == given.rate_cents
    # And another can be given.
    shipment_actions.give_return_label(
        code=code_of(arrived, CaseReason.NO_RETURN), actor=REVIEWER, now=in_time
    )
    assert planned_return(arrived).generation == 3
    assert verify_all().violations == []


def test_one_that_was_posted_is_not_refunded(
    arrived: LabelPurchase, give: Give, says: Says, gateway: EasyPostGateway, now: datetime
) -> None:
    given = give()
    says(given, "in_transit", days=5)
    assert refund_unused(gateway=gateway, now=now + timedelta(days=60)) == 0
    with pytest.raises(LabelNotRefundable):
        request_refund(purchase_id=given.pk, gateway=gateway, now=now)
    assert fresh(given).state == PurchaseState.BOUGHT


def test_postage_above_what_the_way_out_could_cost_asks_a_person_first(
    arrived: LabelPurchase, give: Give, gateway: EasyPostGateway, now: datetime
) -> None:
    LabelPurchase.objects.filter(pk=arrived.pk).update(price_cap_cents=10)
    give()
    assert planned_return(arrived).state == PurchaseState.FAILED
    case = Case.objects.get(reason="no_return")
    assert case.detail.startswith("over_ceiling: over the ceiling of 10 cents")
    shipment_actions.give_return_label(code=case.code, actor=REVIEWER, now=now, cents=2_000)
    second = planned_return(arrived)
    buy_label(purchase_id=second.pk, gateway=gateway, worker=WORKER, now=now)
    assert fresh(second).state == PurchaseState.BOUGHT
    case.refresh_from_db()
    assert case.outcome == "sent_again"


def test_an_answer_that_was_lost_is_found_out_and_the_label_bought_once(
    arrived: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    shipment_actions.give_return_label(code=code_of(arrived), actor=REVIEWER, now=now)
    given = planned_return(arrived)
    vendor.add_fault("drop", method="POST", path="/shipments/*/buy", moment="after")
    buy_label(purchase_id=given.pk, gateway=gateway, worker=WORKER, now=now)
    assert fresh(given).state == PurchaseState.BUYING
    resolve_purchases(gateway=gateway, worker=WORKER, now=now + SETTLE)
    assert fresh(given).state == PurchaseState.BOUGHT
    assert vendor.state()["labels_bought"] == 2


def test_one_whose_job_was_lost_is_swept_up_though_its_parcel_has_a_case(
    arrived: LabelPurchase, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    shipment_actions.give_return_label(code=code_of(arrived), actor=REVIEWER, now=now)
    given = planned_return(arrived)
    vendor.add_fault("status", status=503, method="POST", path="/shipments")
    with pytest.raises(GatewayError):
        buy_label(purchase_id=given.pk, gateway=gateway, worker=WORKER, now=now)
    waiting = len(waiting_jobs("shipping.buy_label"))
    forget_jobs()
    stalled_work.restart_stalled_work(now=now + timedelta(minutes=6))
    assert waiting
    assert waiting_jobs("shipping.buy_label") == [{"purchase_id": str(given.pk)}]


def test_its_tracker_is_asked_when_events_fall_silent(
    arrived: LabelPurchase, give: Give, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    given = give()
    vendor.advance(3 * 60)
    assert ask_silent_trackers(gateway=gateway, now=now + timedelta(days=8)) == 1
    assert fresh(arrived).shipment.state == ShipmentState.RETURNING
    assert given.tracking_updates.filter(is_applied=True).exists()
