"""Claiming a parcel's insurance from its case, as a form with files."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common import clock
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.postage.gateways.insurers import FiledClaim, Loss
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.models import InsuranceClaim, LabelPurchase, Shipment
from fulfillment.shipments.services.cases import open_case
from fulfillment.vendor_failures import Failure
from tests.conftest import MakeClaim
from tests.desk.conftest import StaffWith
from tests.fulfillment.warehouse.scans import Floor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stock")]

PDF = b"%PDF-1.7 it never came"
CLAIM_ID = "clm_" + "a" * 32


class Insurer:
    """In the network's place: what was filed, and what is answered."""

    def __init__(self) -> None:
        self.filed: list[Loss] = []
        self.error: GatewayError | None = None

    def file_claim(self, loss: Loss) -> FiledClaim:
        if self.error:
            raise self.error
        self.filed.append(loss)
        return FiledClaim(CLAIM_ID, "submitted", loss.tracking_code, None)


@pytest.fixture
def insurer(monkeypatch: pytest.MonkeyPatch) -> Insurer:
    made = Insurer()
    monkeypatch.setattr("desk.views.cases.insurers_of", lambda gateway: made)
    return made


@pytest.fixture
def lost(campaign: Any, make_claim: MakeClaim, now: datetime) -> Iterator[Case]:
    with clock.reading(lambda: now):
        parcel = Floor(campaign, now).label(make_claim())
        LabelPurchase.objects.filter(shipment=parcel).update(insured_cents=12_000)
        open_case(shipment=parcel, reason=CaseReason.LOST, now=now)
        yield Case.objects.get(shipment=parcel)


def form_of(**changed: Any) -> dict[str, Any]:
    letter = SimpleUploadedFile("mail.exe", PDF)
    sent = {
        "action": "file_claim",
        "seen": 0,
        "kind": "loss",
        "cents": 12_000,
        "note": "Gone.",
        "letter": letter,
    }
    return {**sent, **changed}


def page(client: Any, case: Case) -> str:
    return str(client.get(f"/desk/cases/{case.code}/").content.decode())


def test_the_insured_value_is_claimed_with_what_is_attached(
    lost: Case, insurer: Insurer, staff_with: StaffWith
) -> None:
    client = staff_with(Role.REVIEWER)
    before = page(client, lost)
    assert 'enctype="multipart/form-data"' in before
    assert 'value="12000"' in before
    assert client.post(f"/desk/cases/{lost.code}/work/", form_of()).status_code == 302
    (loss,) = insurer.filed
    assert (loss.kind, loss.cents, loss.description) == ("loss", 12_000, "Gone.")
    assert [one.media_type for one in (*loss.letters, *loss.invoices)] == ["application/pdf"] * 2
    assert loss.letters[0].content == PDF
    assert loss.invoices[0].content.startswith(b"%PDF-")
    after = page(client, lost)
    assert CLAIM_ID in after
    assert "US$ 120.00 claimed: with the insurer" in " ".join(after.split())
    assert 'enctype="multipart/form-data"' not in after
    (told,) = AuditEntry.objects.all()
    assert (told.action, told.subject) == ("case_file_claim", lost.code)


def test_what_is_no_picture_is_refused_in_plain_words(
    lost: Case, insurer: Insurer, staff_with: StaffWith
) -> None:
    client = staff_with(Role.REVIEWER)
    url = f"/desk/cases/{lost.code}/work/"
    bad = {
        "not a PDF, PNG or JPEG": SimpleUploadedFile("mail.pdf", b"<html>"),
        "is empty": SimpleUploadedFile("mail.pdf", b""),
        "larger than 3 MB": SimpleUploadedFile("mail.pdf", PDF + b"0" * 3_000_000),
        "at most 8 MB": SimpleUploadedFile("mail.pdf", PDF + b"0" * 9_000_000),
    }
    for said, letter in bad.items():
        answer = client.post(url, form_of(letter=letter))
        assert (answer.status_code, said in answer.content.decode()) == (422, True), said
    damaged = client.post(url, form_of(kind="damage"))
    assert (damaged.status_code, "picture of the damage" in damaged.content.decode()) == (409, True)
    assert insurer.filed == []
    assert not InsuranceClaim.objects.exists()


def test_when_the_insurer_is_silent_the_page_says_not_to_file_again(
    lost: Case, insurer: Insurer, staff_with: StaffWith
) -> None:
    insurer.error = GatewayError(Failure.UNKNOWN, "NO_ANSWER")
    client = staff_with(Role.REVIEWER)
    answer = client.post(f"/desk/cases/{lost.code}/work/", form_of())
    assert (answer.status_code, "Do not file another" in answer.content.decode()) == (409, True)
    assert "sent, not confirmed yet" in page(client, lost)


def test_a_parcel_without_insurance_offers_only_the_carriers_way(lost: Case, staff_with: StaffWith) -> None:
    LabelPurchase.objects.update(insured_cents=0)
    shown = page(staff_with(Role.REVIEWER), lost)
    assert 'value="file_claim"' not in shown
    assert 'value="claim_insurance"' in shown
    assert Shipment.objects.count() == 1
