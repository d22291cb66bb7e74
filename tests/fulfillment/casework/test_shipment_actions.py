"""Cases: opened with cause and due time, told at once, worked by one person, closed by an outcome."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.invariants import verify_all
from fulfillment.cases.errors import ActionNotAvailable, BadCaseData, CaseTaken, UnknownCase
from fulfillment.cases.models import Case, CaseEntry
from fulfillment.cases.rules.causes import Cause, cause_of
from fulfillment.cases.rules.playbooks import CaseAction, CaseOutcome, playbook
from fulfillment.cases.rules.reasons import REASONS, CaseKind, CaseReason, due_in_region
from fulfillment.cases.services import add_note, take_case
from fulfillment.casework.services import shipment_actions
from fulfillment.claims.errors import NothingToReplace, TooLate
from fulfillment.claims.models import Claim
from fulfillment.notices.models import Notice
from fulfillment.postage.services import purchase_transitions
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments import errors
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.services.cases import open_case, shipment_of
from fulfillment.tracking.invariants import nothing_is_silent
from fulfillment.tracking.services.carrier_events import _apply
from fulfillment.tracking.services.overdue import open_silent_cases
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.services import Purpose, open_address
from fulfillment.warehouse.services import packing, returns
from inventory.models import Unit
from tests.conftest import MakeClaim
from tests.fulfillment.conftest import forget_jobs, waiting_jobs
from tests.fulfillment.warehouse.scans import OTHER, PACKER, Floor, serials, tracking_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def claim(make_claim: MakeClaim, stock: None) -> Claim:
    return make_claim()


@pytest.fixture
def parcel(campaign: Any, claim: Claim, now: datetime) -> Shipment:
    return Floor(campaign, now).label(claim)


Says = Callable[..., Shipment]


@pytest.fixture
def says(now: datetime) -> Says:
    """What the carrier says of a parcel, some days after now."""

    def says(parcel: Shipment, status: str, detail: str = "", *, days: float = 1) -> Shipment:
        at = now + timedelta(days=days)
        purchase = LabelPurchase.objects.select_related("shipment").get(shipment=parcel, state="bought")
        _apply(
            purchase, TrackerState(status, detail, at), said_at=at, webhook=None, now=at, is_confirmed=True
        )
        return Shipment.objects.select_related("claim").get(pk=parcel.pk)

    return says


def case_of(parcel: Shipment, reason: CaseReason) -> Case:
    return Case.objects.get(shipment=parcel, reason=reason)


def refused(claim: Claim, *, reason: CaseReason, now: datetime) -> Case:
    """The label of a claim was refused for good."""
    purchase = ship_claim(claim_id=claim.pk, now=now)
    assert purchase is not None
    purchase_transitions.fail(purchase, case=reason, detail="refused", now=now)
    return case_of(purchase.shipment, reason)


@pytest.mark.parametrize(
    ("reason", "detail", "cause"),
    [
        (CaseReason.DELIVERY_PROBLEM, "in_transit awaiting_information", Cause.CUSTOMS_PAPERS),
        (CaseReason.DELIVERY_PROBLEM, "failure refused", Cause.REFUSED),
        (CaseReason.LOST, "failure lost", Cause.CARRIER_LOST),
        (CaseReason.LOST, "", Cause.CARRIER_LOST),
        (CaseReason.NO_RATE, "destination closed", Cause.REGULATORY),
        (CaseReason.UNKNOWN_STATUS, "teleported", Cause.UNKNOWN),
    ],
)
def test_a_cause_is_said_in_normal_words(reason: CaseReason, detail: str, cause: Cause) -> None:
    assert cause_of(reason, detail) is cause


def test_a_case_is_due_later_where_parcels_take_longer(now: datetime) -> None:
    near = due_in_region(CaseReason.SILENT, now, promised_days=5)
    far = due_in_region(CaseReason.SILENT, now, promised_days=28)
    assert far - near == timedelta(days=7)
    # What waits for us waits no longer for being far away.
    assert due_in_region(CaseReason.NO_RATE, now, promised_days=28) == due_in_region(
        CaseReason.NO_RATE, now, promised_days=5
    )


@pytest.mark.parametrize(
    ("kind", "reason"), [(kind, reason) for kind in CaseKind for reason in sorted(REASONS[kind])]
)
def test_every_reason_has_a_way_to_end(kind: CaseKind, reason: CaseReason) -> None:
    offered = playbook(kind, reason)
    assert {CaseAction.TAKE, CaseAction.NOTE, CaseAction.CLOSE} <= set(offered)
    assert len(set(offered)) == len(offered)


def test_the_maintainer_is_told_at_once_and_once(parcel: Shipment, now: datetime) -> None:
    assert open_case(shipment=parcel, reason=CaseReason.NO_RATE, now=now)
    assert not open_case(shipment=parcel, reason=CaseReason.NO_RATE, now=now)
    (notice,) = Notice.objects.filter(template="problem")
    assert "no carrier takes it" in notice.context["problem"]


def test_one_person_works_a_case(parcel: Shipment, now: datetime) -> None:
    open_case(shipment=parcel, reason=CaseReason.SILENT, now=now)
    code = case_of(parcel, CaseReason.SILENT).code
    take_case(code=code, actor=PACKER, now=now)
    with pytest.raises(CaseTaken, match=PACKER):
        take_case(code=code, actor=OTHER, now=now)
    with pytest.raises(CaseTaken, match=PACKER):
        shipment_actions.close_shipment_case(code=code, outcome=CaseOutcome.NO_FAULT, actor=OTHER, now=now)
    add_note(code=code, note="Asked the carrier.", actor=OTHER, now=now)
    take_case(code=code, actor=OTHER, now=now, take_over=True)
    shipment_actions.close_shipment_case(
        code=code, outcome=CaseOutcome.NO_FAULT, actor=OTHER, now=now, note="It moved."
    )
    case = case_of(parcel, CaseReason.SILENT)
    assert (case.outcome, case.closed_by, case.closed_at) == ("no_fault", OTHER, now)
    assert list(case.entries.order_by("pk").values_list("action", flat=True)) == [
        "take", "note", "take", "close",
    ]  # fmt: skip
    with pytest.raises(UnknownCase):
        add_note(code=code, note="More", actor=OTHER, now=now)


def test_what_the_playbook_has_not_is_refused(parcel: Shipment, now: datetime) -> None:
    open_case(shipment=parcel, reason=CaseReason.OVER_CAP, now=now)
    case = case_of(parcel, CaseReason.OVER_CAP)
    with pytest.raises(ActionNotAvailable):
        shipment_actions.write_off(code=case.code, actor=PACKER, now=now)
    assert not CaseEntry.objects.exists()


def test_a_corrected_address_is_sent_to(claim: Claim, address: PostalAddress, now: datetime) -> None:
    case = refused(claim, reason=CaseReason.ADDRESS, now=now)
    corrected = replace(address, street1="418 Montgomery Street")
    shipment_actions.fix_address(code=case.code, address=corrected, actor=PACKER, now=now)
    case.refresh_from_db()
    assert case.outcome == "address_fixed"
    kept = open_address(subject=claim.code, purpose=Purpose.SUPPORT, actor=PACKER, now=now)
    assert kept.street1 == "418 Montgomery Street"
    assert {"claim_id": claim.pk} in waiting_jobs("shipping.ship_claim")
    assert "418" not in str(list(CaseEntry.objects.values()))


def test_an_address_is_corrected_with_its_line_in_the_trail_or_not_at_all(
    claim: Claim, address: PostalAddress, now: datetime
) -> None:
    case = refused(claim, reason=CaseReason.ADDRESS, now=now)
    forget_jobs()

    def record() -> None:
        raise OSError("the trail cannot be written")

    with pytest.raises(OSError, match="trail"):
        shipment_actions.fix_address(
            code=case.code,
            address=replace(address, street1="418 Montgomery Street"),
            actor=PACKER,
            now=now,
            record=record,
        )
    kept = open_address(subject=claim.code, purpose=Purpose.SUPPORT, actor=PACKER, now=now)
    assert kept.street1 == address.street1
    assert not claim.events.filter(name="address_changed").exists()
    case.refresh_from_db()
    assert (case.closed_at, case.owner, case.entries.count()) == (None, "", 0)
    assert waiting_jobs("shipping.ship_claim") == []


def test_an_address_of_a_case_that_somebody_else_works_stays(
    claim: Claim, address: PostalAddress, now: datetime
) -> None:
    case = refused(claim, reason=CaseReason.ADDRESS, now=now)
    take_case(code=case.code, actor="staff:kim", now=now)
    corrected = replace(address, street1="418 Montgomery Street")
    with pytest.raises(CaseTaken):
        shipment_actions.fix_address(code=case.code, address=corrected, actor=PACKER, now=now)
    with pytest.raises(UnknownCase):
        shipment_actions.fix_address(code="CS-NONE", address=corrected, actor=PACKER, now=now)
    assert not claim.events.filter(name="address_changed").exists()


def test_dearer_postage_is_approved_by_a_person(claim: Claim, now: datetime) -> None:
    case = refused(claim, reason=CaseReason.OVER_CEILING, now=now)
    with pytest.raises(BadCaseData):
        shipment_actions.approve_postage(code=case.code, cents=0, actor=PACKER, now=now)
    shipment_actions.approve_postage(code=case.code, cents=9900, actor=PACKER, now=now)
    again = ship_claim(claim_id=claim.pk, now=now)
    assert again is not None
    assert again.price_cap_cents == 9900
    assert again.shipment_id == shipment_of(case).pk


def test_customs_get_a_filing_number_or_a_tax_id(claim: Claim, now: datetime) -> None:
    case = refused(claim, reason=CaseReason.CUSTOMS_DATA, now=now)
    for filing in ("", "12345"):
        with pytest.raises(BadCaseData):
            shipment_actions.give_customs_data(code=case.code, actor=PACKER, now=now, filing=filing)
    shipment_actions.give_customs_data(
        code=case.code, filing="X20220711123456", tax_id="123.456.789-00", actor=PACKER, now=now
    )
    assert Shipment.objects.get(pk=shipment_of(case).pk).export_filing == "X20220711123456"
    kept = open_address(subject=claim.code, purpose=Purpose.SUPPORT, actor=PACKER, now=now)
    assert kept.tax_id == "123.456.789-00"
    assert "123.456" not in str(list(CaseEntry.objects.values()))


def test_a_lost_parcel_is_replaced_once(parcel: Shipment, says: Says, now: datetime) -> None:
    says(parcel, "in_transit")
    parcel = says(parcel, "failure", "lost", days=5)
    case = case_of(parcel, CaseReason.LOST)
    shipment_actions.claim_insurance(code=case.code, reference="clm_1", cents=5800, actor=PACKER, now=now)
    _, granted = shipment_actions.replace_keys(code=case.code, actor=PACKER, now=now + timedelta(days=6))
    assert granted.state == "accepted"
    assert granted.replaces == parcel.claim
    assert Unit.objects.held_by(granted.code).count() == 2
    # Another case of the same parcel replaces nothing more.
    open_case(shipment=parcel, reason=CaseReason.NOT_ARRIVED, now=now)
    with pytest.raises(NothingToReplace):
        shipment_actions.replace_keys(
            code=case_of(parcel, CaseReason.NOT_ARRIVED).code, actor=PACKER, now=now
        )
    assert verify_all().violations == []


def test_a_parcel_that_is_still_here_is_not_replaced_or_written_off(parcel: Shipment, now: datetime) -> None:
    open_case(shipment=parcel, reason=CaseReason.SILENT, now=now)
    code = case_of(parcel, CaseReason.SILENT).code
    with pytest.raises(NothingToReplace):
        shipment_actions.replace_keys(code=code, actor=PACKER, now=now)
    with pytest.raises(TooLate):
        shipment_actions.write_off(code=code, actor=PACKER, now=now)


def test_a_parcel_written_off_is_lost_in_the_books(parcel: Shipment, says: Says, now: datetime) -> None:
    parcel = says(parcel, "in_transit")
    open_case(shipment=parcel, reason=CaseReason.SILENT, now=now)
    shipment_actions.write_off(code=case_of(parcel, CaseReason.SILENT).code, actor=PACKER, now=now)
    parcel.refresh_from_db()
    assert parcel.state == "lost"
    assert {Unit.objects.get(serial=serial).account for serial in serials(parcel)} == {"lost"}
    assert verify_all().violations == []
    # It turns up after all.
    parcel = says(parcel, "delivered", days=40)
    assert parcel.state == "delivered"


def test_arrival_settles_what_was_open_about_the_way(parcel: Shipment, says: Says, now: datetime) -> None:
    parcel = says(parcel, "in_transit")
    open_case(shipment=parcel, reason=CaseReason.SILENT, now=now)
    open_case(shipment=parcel, reason=CaseReason.OVER_CAP, now=now)
    parcel = says(parcel, "delivered", days=3)
    assert case_of(parcel, CaseReason.SILENT).outcome == "resolved"
    assert case_of(parcel, CaseReason.OVER_CAP).closed_at is None


@pytest.mark.parametrize(
    ("status", "quiet", "loud"), [("", 6, 8), ("in_transit", 20, 40), ("return_to_sender", 44, 50)]
)
def test_a_quiet_parcel_becomes_a_case(
    parcel: Shipment, says: Says, now: datetime, status: str, quiet: int, loud: int
) -> None:
    if status:
        says(parcel, "in_transit", days=0.5)
        parcel = says(parcel, status, days=1)
    Case.objects.update(closed_at=now, outcome="seen")
    LabelPurchase.objects.update(promised_days=8)
    assert open_silent_cases(now=now + timedelta(days=quiet)) == 0
    assert open_silent_cases(now=now + timedelta(days=loud)) == 1
    assert open_silent_cases(now=now + timedelta(days=loud + 1)) == 0
    case = case_of(parcel, CaseReason.SILENT)
    # Closed without a sign of life, it gets its time anew, and then another case.
    shipment_actions.close_shipment_case(
        code=case.code, outcome=CaseOutcome.NO_FAULT, actor=PACKER, now=now + timedelta(days=loud)
    )
    assert open_silent_cases(now=now + timedelta(days=loud + 1)) == 0
    assert open_silent_cases(now=now + timedelta(days=2 * loud + 50)) == 1


def test_an_accepted_claim_without_a_parcel_becomes_a_case(claim: Claim, now: datetime) -> None:
    assert open_silent_cases(now=now + timedelta(days=2)) == 0
    assert open_silent_cases(now=now + timedelta(days=4)) == 1
    assert shipment_of(Case.objects.get()).claim == claim


def test_silence_that_nobody_has_is_a_violation(parcel: Shipment, claim: Claim, now: datetime) -> None:
    assert list(nothing_is_silent()[1]) == []
    Claim.objects.update(updated_at=now + timedelta(days=12))
    (violation,) = nothing_is_silent()[1]
    assert (violation.invariant, violation.ids) == ("I10", [parcel.code])
    open_silent_cases(now=now + timedelta(days=12))
    assert list(nothing_is_silent()[1]) == []


def test_what_comes_back_goes_to_quarantine_and_is_replaced(
    parcel: Shipment, says: Says, now: datetime
) -> None:
    says(parcel, "in_transit")
    says(parcel, "return_to_sender", days=9)
    keys = serials(parcel)
    taken = returns.receive_return(label=tracking_code(parcel), serials=keys, actor=PACKER, now=now)
    assert (sorted(taken.quarantined), taken.missing, taken.strange) == (sorted(keys), [], [])
    assert {Unit.objects.get(serial=serial).account for serial in keys} == {"quarantine"}
    parcel.refresh_from_db()
    assert parcel.state == "back"
    assert parcel.claim.state == "returned"
    # Twice changes nothing, and a carrier's late word does not either.
    assert returns.receive_return(label=parcel.code, serials=keys, actor=PACKER, now=now).quarantined == []
    assert says(parcel, "delivered", days=11).state == "back"
    code = case_of(parcel, CaseReason.RETURNED).code
    _, granted = shipment_actions.replace_keys(code=code, actor=PACKER, now=now + timedelta(days=12))
    assert granted.state == "accepted"
    assert verify_all().violations == []


def test_a_key_that_is_missing_from_a_return_is_a_case(parcel: Shipment, says: Says, now: datetime) -> None:
    says(parcel, "in_transit")
    says(parcel, "return_to_sender", days=9)
    one, two = serials(parcel)
    taken = returns.receive_return(label=parcel.code, serials=[one], actor=PACKER, now=now)
    assert taken.missing == [two]
    assert (
        case_of(parcel, CaseReason.WRONG_KEYS).detail == "returned; missing keys: 1, keys of other parcels: 0"
    )
    assert Unit.objects.get(serial=two).account == "in_transit"


def test_a_parcel_that_never_left_cannot_come_back(parcel: Shipment, now: datetime) -> None:
    with pytest.raises(errors.NotExpectedBack, match="refund"):
        returns.receive_return(label=parcel.code, serials=serials(parcel), actor=PACKER, now=now)
    assert {Unit.objects.get(serial=serial).account for serial in serials(parcel)} == {"reserved"}


def test_a_swapped_key_is_known_when_it_comes_back(
    parcel: Shipment, says: Says, tmp_path: Path, now: datetime
) -> None:
    spare = Unit.objects.available().filter(key_model__sku="KD-A-NFC")[0].serial
    packing.pack_unit(key="scan-0001", label=parcel.code, serial=spare, actor=PACKER, now=now)
    says(parcel, "in_transit")
    says(parcel, "return_to_sender", days=9)
    taken = returns.receive_return(label=parcel.code, serials=[spare], actor=PACKER, now=now)
    assert (taken.quarantined, taken.strange) == ([spare], [])
