"""What happens to a claim before its label is bought: cancelled, redirected, reviewed, promoted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from common.invariants import verify_all
from fulfillment.claims.errors import NotInReview, TooLate, UnknownClaim
from fulfillment.claims.models import Claim
from fulfillment.claims.services.amendments_and_reviews import (
    cancel_claim,
    change_address,
    review_claim,
)
from fulfillment.claims.services.shipment_callbacks import (
    abandon_label,
    record_delivered,
    record_returning,
    record_shipped,
    start_label,
)
from fulfillment.notices.models import Notice
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.models import DataKey
from fulfillment.vault.services import Purpose, open_address
from inventory.models import Unit
from tests.conftest import MakeClaim

pytestmark = pytest.mark.django_db
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def address_of(claim: Claim) -> PostalAddress:
    return open_address(subject=claim.code, purpose=Purpose.CLAIMANT, actor="claimant", now=LATER)


@pytest.mark.usefixtures("stock")
def test_cancelling_frees_the_units_and_shreds_the_address(make_claim: MakeClaim) -> None:
    claim = make_claim()
    cancel_claim(code=claim.code, actor="claimant", now=LATER)
    claim.refresh_from_db()
    assert claim.state == "cancelled"
    assert not Unit.objects.held_by(claim.code).exists()
    with pytest.raises(Shredded):
        address_of(claim)
    assert verify_all().violations == []


@pytest.mark.usefixtures("stock")
def test_one_may_claim_again_after_cancelling(make_claim: MakeClaim) -> None:
    cancel_claim(code=make_claim().code, actor="claimant", now=LATER)
    assert make_claim().state == "accepted"


@pytest.mark.usefixtures("stock")
def test_it_is_too_late_once_the_label_is_begun(make_claim: MakeClaim, address: PostalAddress) -> None:
    claim = make_claim()
    assert start_label(claim_id=claim.pk, now=NOW) is not None
    with pytest.raises(TooLate):
        cancel_claim(code=claim.code, actor="claimant", now=LATER)
    with pytest.raises(TooLate):
        change_address(code=claim.code, address=address, actor="claimant", now=LATER)
    claim.refresh_from_db()
    assert claim.state == "accepted"


@pytest.mark.usefixtures("stock")
def test_a_label_is_begun_once(make_claim: MakeClaim) -> None:
    claim = make_claim()
    assert start_label(claim_id=claim.pk, now=NOW) is not None
    assert start_label(claim_id=claim.pk, now=NOW) is None


@pytest.mark.usefixtures("stock")
def test_a_cancelled_claim_gets_no_label(make_claim: MakeClaim) -> None:
    claim = make_claim()
    cancel_claim(code=claim.code, actor="claimant", now=NOW)
    assert start_label(claim_id=claim.pk, now=LATER) is None


@pytest.mark.usefixtures("stock")
def test_an_abandoned_label_lets_the_claimant_change_again(make_claim: MakeClaim) -> None:
    claim = make_claim()
    start_label(claim_id=claim.pk, now=NOW)
    abandon_label(claim_id=claim.pk, now=LATER)
    cancel_claim(code=claim.code, actor="claimant", now=LATER)


@pytest.mark.usefixtures("stock")
def test_an_address_can_be_changed_within_the_country(make_claim: MakeClaim, address: PostalAddress) -> None:
    claim = make_claim()
    there = replace(address, street1="7 Grelnor Row")
    change_address(code=claim.code, address=there, actor="claimant", now=LATER)
    assert address_of(claim) == there
    with pytest.raises(TooLate):
        change_address(code=claim.code, address=replace(there, country="DE"), actor="claimant", now=LATER)
    assert address_of(claim) == there


def test_an_unknown_claim_is_named() -> None:
    with pytest.raises(UnknownClaim, match="C-NONE"):
        cancel_claim(code="C-NONE", actor="claimant", now=NOW)


@pytest.mark.usefixtures("stock")
def test_an_approved_claim_gets_its_units(make_claim: MakeClaim) -> None:
    claim = make_claim("m-org")
    review_claim(code=claim.code, approve=True, note="Named.", reviewer="staff:rita", now=LATER)
    claim.refresh_from_db()
    assert claim.state == "accepted"
    assert Unit.objects.held_by(claim.code).count() == 2
    assert verify_all().violations == []


@pytest.mark.usefixtures("stock")
def test_a_rejected_claim_is_shredded_and_told_why(make_claim: MakeClaim) -> None:
    claim = make_claim("m-org")
    review_claim(code=claim.code, approve=False, note="Nobody's account.", reviewer="staff:rita", now=LATER)
    claim.refresh_from_db()
    assert claim.state == "rejected"
    assert DataKey.objects.get().shredded_at == LATER
    assert Notice.objects.get(template="rejected").context == {"note": "Nobody's account."}


@pytest.mark.usefixtures("stock")
def test_only_a_claim_in_review_is_reviewed(make_claim: MakeClaim) -> None:
    claim = make_claim("m-owner")
    with pytest.raises(NotInReview):
        review_claim(code=claim.code, approve=False, note="", reviewer="staff:rita", now=LATER)


def test_approval_without_stock_joins_the_waitlist(make_claim: MakeClaim) -> None:
    claim = make_claim("m-org")
    review_claim(code=claim.code, approve=True, note="Named.", reviewer="staff:rita", now=LATER)
    claim.refresh_from_db()
    assert (claim.state, claim.waitlisted_at) == ("waitlisted", LATER)


@pytest.mark.usefixtures("stock")
def test_a_parcel_is_shipped_delivered_and_told_once(make_claim: MakeClaim) -> None:
    claim = make_claim()
    record_shipped(claim, carrier="USPS", tracking_code="9400", now=NOW)
    for _ in range(2):
        record_delivered(claim, now=LATER)
    assert claim.state == "delivered"
    assert sorted(Notice.objects.values_list("template", flat=True)) == ["confirmed", "delivered", "shipped"]
    shred_after = DataKey.objects.get().shred_after
    assert shred_after is not None
    assert shred_after > LATER + timedelta(days=89)


@pytest.mark.usefixtures("stock")
def test_a_carrier_may_take_back_a_delivery_and_bring_it_again(make_claim: MakeClaim) -> None:
    claim = make_claim()
    record_shipped(claim, carrier="USPS", tracking_code="9400", now=NOW)
    record_delivered(claim, now=LATER)
    record_shipped(claim, carrier="USPS", tracking_code="9400", now=LATER)
    record_delivered(claim, now=LATER)
    names = list(claim.events.order_by("id").values_list("name", flat=True))
    assert names == ["accepted", "shipped", "delivered", "corrected", "delivered"]
    # The mails that were sent stay the only ones.
    assert Notice.objects.filter(template__in=["shipped", "delivered"]).count() == 2


@pytest.mark.usefixtures("stock")
def test_a_returning_parcel_is_told_at_once(make_claim: MakeClaim) -> None:
    claim = make_claim()
    record_shipped(claim, carrier="USPS", tracking_code="9400", now=NOW)
    record_returning(claim, problem="it is on its way back to us", now=LATER)
    assert claim.state == "returned"
    assert Notice.objects.filter(template="problem").count() == 1
