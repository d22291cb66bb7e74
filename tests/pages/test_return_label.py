"""My return label: on my claim's page, to be printed, and no one else's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO

import pytest
from django.test import Client
from PIL import Image

from fulfillment.claims.models import Claim
from fulfillment.postage.services.label_files import label_name
from fulfillment.shipments.models import LabelPurchase, Shipment, TrackingUpdate
from fulfillment.vault.models import Opening
from fulfillment.vault.services import store_label
from tests.conftest import MakeClaim

pytestmark = pytest.mark.django_db

SignedIn = Callable[[str], Client]


@pytest.fixture
def claim(make_claim: MakeClaim, stock: None) -> Claim:
    claim = make_claim()
    Claim.objects.filter(pk=claim.pk).update(state="shipped")
    Claim.objects.filter(pk=claim.pk).update(state="delivered")
    claim.refresh_from_db()
    return claim


@pytest.fixture
def label(claim: Claim, now: datetime) -> LabelPurchase:
    """A return label as the shipping room leaves it."""
    parcel = Shipment.objects.create(claim=claim, state="delivered", created_at=now, updated_at=now)
    label = LabelPurchase.objects.create(
        shipment=parcel, is_return=True, state="bought", mode="test", carrier="USPS", price_cap_cents=900,
        promised_days=28, incoterm="DAP", vendor_shipment_id=f"shp_{'1' * 32}", tracking_code="94001",
        label_id=f"pl_{'1' * 32}", cost_cents=407, label_sha256="0" * 64, created_at=now, bought_at=now,
    )  # fmt: skip
    picture = BytesIO()
    Image.new("1", (400, 600), 1).save(picture, "PNG")
    store_label(subject=claim.code, name=label_name(label), content=picture.getvalue(), now=now)
    return label


def test_the_page_says_how_and_until_when(label: LabelPurchase, claim: Claim, signed_in: SignedIn) -> None:
    page = signed_in("m-owner").get(f"/claims/{claim.code}/").content.decode()
    assert "Send your keys back" in page
    assert "by <strong>7 August 2022</strong>" in " ".join(page.split())
    assert f"/claims/{claim.code}/return/{label.shipment.code}/" in page
    # The way out is another label's.
    assert "94001" not in page


def test_it_is_printed_by_its_owner_and_that_is_logged(
    label: LabelPurchase, claim: Claim, signed_in: SignedIn
) -> None:
    address = f"/claims/{claim.code}/return/{label.shipment.code}/"
    answer = signed_in("m-owner").get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    assert "no-store" in answer["Cache-Control"]
    assert Opening.objects.filter(purpose="claimant").count() == 1
    assert signed_in("m-second").get(address).status_code == 404
    assert Client().get(address).status_code == 302
    assert Opening.objects.filter(purpose="claimant").count() == 1


def test_once_posted_there_is_nothing_more_to_do(
    label: LabelPurchase, claim: Claim, signed_in: SignedIn, now: datetime
) -> None:
    TrackingUpdate.objects.create(
        purchase=label, status="in_transit", said_at=now, is_applied=True, recorded_at=now
    )
    client = signed_in("m-owner")
    assert "You do not need to do anything else" in client.get(f"/claims/{claim.code}/").content.decode()
    answer = client.get(f"/claims/{claim.code}/return/{label.shipment.code}/", follow=True)
    assert "no longer valid" in answer.content.decode()


@pytest.mark.parametrize("change", [{"state": "refund_requested"}, {"label_sha256": ""}])
def test_what_cannot_be_printed_is_not_offered(
    change: dict[str, str], label: LabelPurchase, claim: Claim, signed_in: SignedIn, now: datetime
) -> None:
    LabelPurchase.objects.filter(pk=label.pk).update(**change)
    page = signed_in("m-owner").get(f"/claims/{claim.code}/").content.decode()
    assert "Send your keys back" not in page


def test_it_is_gone_when_the_parcel_is_back(
    label: LabelPurchase, claim: Claim, signed_in: SignedIn, now: datetime
) -> None:
    Shipment.objects.filter(pk=label.shipment_id).update(state="back", updated_at=now + timedelta(days=1))
    page = signed_in("m-owner").get(f"/claims/{claim.code}/").content.decode()
    assert "Send your keys back" not in page
