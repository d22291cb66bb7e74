"""The insured value of a lost or damaged parcel: claimed at the stand-in by the real client, followed, booked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from common.invariants import verify_all
from fulfillment.cases.errors import BadCaseData
from fulfillment.cases.models import Case, CaseEntry
from fulfillment.cases.rules.playbooks import CaseOutcome
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.casework.services import shipment_actions
from fulfillment.insurance import services
from fulfillment.models import Provider, Webhook
from fulfillment.postage.gateways.easypost import EasyPostGateway
from fulfillment.postage.gateways.insurers import ClaimEvidence, InsuranceGateway, insurers_of
from fulfillment.shipments import errors
from fulfillment.shipments.models import InsuranceClaim, LabelPurchase, ParcelCharge
from fulfillment.shipments.rules.insurance_claims import InsuranceState, LossKind, insurance_state_of
from fulfillment.shipments.services.cases import open_case
from fulfillment.tracking.services.carrier_events import work_carrier_webhooks
from sandbox.client import Control
from tests.fulfillment.conftest import Buy, Plan
from tests.fulfillment.warehouse.scans import PACKER

pytestmark = pytest.mark.django_db

LETTER = ClaimEvidence(b"%PDF-1.7 it never came", "application/pdf")
PICTURE = ClaimEvidence(b"\xff\xd8\xff a dented box", "image/jpeg")
INSURED = 12_000


@pytest.fixture
def insured(plan: Plan, buy: Buy, vendor: Control) -> LabelPurchase:
    """A label bought with insurance, because its keys are worth it."""
    vendor.settings(journey="realistic")
    purchase = plan()
    for unit in purchase.shipment.units.select_related("key_model"):
        unit.key_model.customs_value_cents = INSURED // 2
        unit.key_model.save()
    bought = buy(purchase)
    assert bought.insured_cents == INSURED
    return bought


@pytest.fixture
def insurers(gateway: EasyPostGateway) -> InsuranceGateway:
    return insurers_of(gateway)


File = Callable[..., Case]


@pytest.fixture
def file(insured: LabelPurchase, insurers: InsuranceGateway, now: datetime) -> File:
    """Claims for a case of the insured parcel, by default all of it because it is lost."""
    open_case(shipment=insured.shipment, reason=CaseReason.LOST, now=now)
    case = Case.objects.get(shipment=insured.shipment)

    def file(**changed: Any) -> Case:
        given: dict[str, Any] = {
            "code": case.code, "kind": LossKind.LOSS, "cents": INSURED, "note": "Last scanned in Oakland.",
            "letters": [LETTER], "pictures": [], "insurers": insurers, "actor": PACKER, "now": now,
        }  # fmt: skip
        return services.file_claim(**{**given, **changed})

    return file


def words_of(case: Case) -> list[object]:
    """What the case says the insurer said, in order."""
    entries = CaseEntry.objects.filter(case=case, data__has_key="insurer").order_by("pk")
    return [entry.data["insurer"] for entry in entries]


def test_a_claim_is_filed_followed_and_its_money_booked(
    file: File, insured: LabelPurchase, insurers: InsuranceGateway, vendor: Control, now: datetime
) -> None:
    case = file()
    claim = InsuranceClaim.objects.get()
    assert (claim.state, claim.vendor_claim_id and claim.vendor_claim_id[:4]) == ("submitted", "clm_")
    vendor.advance(86_400 * 6)
    later = now + timedelta(days=6)
    assert services.follow_claims(insurers=insurers, now=later) == 1
    claim.refresh_from_db()
    assert (claim.state, claim.approved_cents) == ("approved", INSURED)
    charge = ParcelCharge.objects.get(kind="compensation")
    assert (charge.cents, charge.bill, charge.purchase_id) == (-INSURED, claim.vendor_claim_id, insured.pk)
    assert -charge.cents == vendor.state()["compensated_cents"]
    assert words_of(case) == ["submitted", "approved"]
    case.refresh_from_db()
    assert case.due_at <= later + timedelta(days=1)
    # Decided is decided: nobody asks again, and nothing is booked twice.
    assert services.follow_claims(insurers=insurers, now=later + timedelta(days=1)) == 0
    services.follow_claim(claim, insurers=insurers, now=later)
    assert ParcelCharge.objects.count() == 1
    assert verify_all().violations == []


def test_half_of_it_is_booked_as_half(
    file: File, insurers: InsuranceGateway, vendor: Control, now: datetime
) -> None:
    vendor.settings(claim_outcome="approved_partial")
    file(kind=LossKind.DAMAGE, pictures=[PICTURE])
    vendor.advance(86_400 * 6)
    services.follow_claims(insurers=insurers, now=now + timedelta(days=6))
    assert ParcelCharge.objects.get().cents == -INSURED // 2


def test_a_webhook_of_the_insurers_has_the_claim_asked_after(
    file: File, gateway: EasyPostGateway, vendor: Control, now: datetime
) -> None:
    file()
    claim = InsuranceClaim.objects.get()
    vendor.advance(86_400 * 6)
    for number, claim_id in enumerate([claim.vendor_claim_id, claim.vendor_claim_id, "clm_" + "0" * 32]):
        Webhook.objects.create(
            provider=Provider.EASYPOST, event_id=f"evt_{number}", kind="claim.approved", mode="test",
            occurred_at=now, body={"claim": claim_id}, received_at=now, body_sha256="0" * 64,
        )  # fmt: skip
    assert work_carrier_webhooks(gateway=gateway, now=now + timedelta(days=6)) == 3
    assert sorted(Webhook.objects.values_list("outcome__result", flat=True)) == [
        "applied",
        "applied",
        "unknown",
    ]
    assert ParcelCharge.objects.count() == 1


@pytest.mark.parametrize("outcome", ["rejected", "needs_action"])
def test_a_no_makes_the_case_due_or_opens_one(
    file: File, insurers: InsuranceGateway, vendor: Control, now: datetime, outcome: str
) -> None:
    vendor.settings(claim_outcome=outcome)
    case = file()
    shipment_actions.close_shipment_case(code=case.code, outcome=CaseOutcome.REPLACED, actor=PACKER, now=now)
    vendor.advance(86_400 * 6)
    services.follow_claims(insurers=insurers, now=now + timedelta(days=6))
    assert InsuranceClaim.objects.get().state == outcome
    assert not ParcelCharge.objects.exists()
    opened = Case.objects.get(reason=CaseReason.INSURANCE)
    assert outcome in opened.detail
    if outcome == "rejected":
        # It can be claimed again from there, with better papers.
        file(code=opened.code)
        assert InsuranceClaim.objects.count() == 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_claim_whose_answer_was_lost_is_found_out_and_never_filed_twice(
    file: File, insurers: InsuranceGateway, vendor: Control, now: datetime, moment: str
) -> None:
    vendor.add_fault("drop", method="POST", path="/claims", moment=moment)
    with pytest.raises(errors.InsurerSilent):
        file()
    assert InsuranceClaim.objects.get().state == "filing"
    with pytest.raises(errors.ClaimedAlready):
        file()
    assert services.follow_claims(insurers=insurers, now=now + timedelta(minutes=1)) == 0, "too soon"
    assert services.follow_claims(insurers=insurers, now=now + timedelta(minutes=6)) == 1
    claim = InsuranceClaim.objects.get()
    if moment == "after":
        assert (claim.state, words_of(claim.case)) == ("submitted", ["submitted"])
    else:
        assert (claim.state, words_of(claim.case)) == ("failed", ["not found at the insurer"])
        file()
    assert vendor.state()["calls"]["POST /claims"] == 1


def test_what_the_insurer_does_not_take_can_be_filed_again(file: File, vendor: Control) -> None:
    vendor.add_fault("status", method="POST", path="/claims", status=422, code="CLAIM.PARAMETERS.INVALID")
    with pytest.raises(errors.InsurerRefused, match=r"CLAIM\.PARAMETERS"):
        file()
    assert InsuranceClaim.objects.get().state == "failed"
    file()
    assert InsuranceClaim.objects.filter(state="submitted").count() == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"cents": INSURED + 1}, "cents"),
        ({"note": " "}, "note"),
        ({"letters": []}, "letter"),
        ({"kind": LossKind.DAMAGE}, "picture"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(
    file: File, vendor: Control, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadCaseData) as refusal:
        file(**changed)
    assert refusal.value.field == field
    assert not InsuranceClaim.objects.exists()
    assert "POST /claims" not in vendor.state()["calls"]


def test_a_parcel_that_was_not_insured_has_no_claim(
    bought: LabelPurchase, insurers: InsuranceGateway, now: datetime
) -> None:
    open_case(shipment=bought.shipment, reason=CaseReason.LOST, now=now)
    with pytest.raises(errors.NotInsured, match="carrier"):
        services.file_claim(
            code=Case.objects.get().code, kind=LossKind.LOSS, cents=100, note="gone", letters=[LETTER],
            pictures=[], insurers=insurers, actor=PACKER, now=now,
        )  # fmt: skip
    assert not InsuranceClaim.objects.exists()


def test_a_label_has_one_live_claim_in_the_database(file: File, now: datetime) -> None:
    file()
    first = InsuranceClaim.objects.get()
    with pytest.raises(IntegrityError, match="one_live_insurance_claim_per_label"), transaction.atomic():
        InsuranceClaim.objects.create(
            purchase=first.purchase,
            case=first.case,
            kind="loss",
            requested_cents=1,
            actor=PACKER,
            filed_at=now,
        )


@pytest.mark.parametrize(
    ("word", "cents", "state"),
    [
        ("in_review", None, InsuranceState.SUBMITTED),
        ("on_the_moon", None, InsuranceState.SUBMITTED),
        ("approved", None, InsuranceState.SUBMITTED),
        ("approved", 0, InsuranceState.REJECTED),
        ("approved_partial", 100, InsuranceState.APPROVED),
        ("cancelled", None, InsuranceState.CANCELLED),
    ],
)
def test_the_insurers_words(word: str, cents: int | None, state: InsuranceState) -> None:
    assert insurance_state_of(word, approved_cents=cents) is state
