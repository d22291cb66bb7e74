"""A claim with keys for a limited time gives them back when the time is over, and is told."""

from datetime import timedelta

import pytest

from common.invariants import verify_all
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.expiry import expire_reservations
from fulfillment.claims.services.waitlist import serve_waitlists
from fulfillment.notices.models import Notice
from fulfillment.vault.models import DataKey
from inventory.models import Expiry, Unit
from inventory.services.expiry import set_reservation_expiry
from tests.conftest import MakeClaim, receive
from tests.fulfillment.claims.test_amendments_and_reviews import LATER, NOW

pytestmark = pytest.mark.django_db
SOON = NOW + timedelta(minutes=30)


def unpaid(claim: Claim) -> Claim:
    """The claim as it waits for payment, with its keys for half an hour."""
    waiting = Claim.objects.filter(pk=claim.pk)
    # By way of the waitlist, for the table of states has no other.
    waiting.update(state="waitlisted", waitlisted_at=NOW)
    waiting.update(state="awaiting_payment", waitlisted_at=None, payment_due_at=SOON)
    ClaimEvent.objects.create(
        claim=claim, name="accepted", state_before="accepted", state_after="awaiting_payment",
        actor="test", at=NOW,
    )  # fmt: skip
    set_reservation_expiry(holder=claim.code, expires_at=SOON)
    claim.refresh_from_db()
    return claim


@pytest.fixture
def claim(make_claim: MakeClaim) -> Claim:
    receive(now=NOW, each=1)
    return unpaid(make_claim())


def test_before_its_time_nothing_happens(claim: Claim) -> None:
    assert expire_reservations(now=NOW) == []
    claim.refresh_from_db()
    assert claim.state == "awaiting_payment"


def test_a_claim_past_its_time_expires_and_the_next_in_line_gets_the_keys(
    claim: Claim, make_claim: MakeClaim
) -> None:
    behind = make_claim("m-second")
    assert behind.state == "waitlisted"
    assert expire_reservations(now=LATER) == [claim.code]
    assert expire_reservations(now=LATER) == []
    claim.refresh_from_db()
    assert claim.state == "expired"
    assert claim.events.latest("id").name == "expired"
    assert not Unit.objects.held_by(claim.code).exists()
    assert DataKey.objects.get(subject=claim.code).shredded_at == LATER
    assert Notice.objects.filter(template="expired", claim_code=claim.code).count() == 1
    assert serve_waitlists(now=LATER) == 1
    behind.refresh_from_db()
    assert behind.offered_until is not None
    assert verify_all().violations == []


def test_a_claim_paid_meanwhile_keeps_its_keys(claim: Claim) -> None:
    Claim.objects.filter(pk=claim.pk).update(state="accepted")
    assert expire_reservations(now=LATER) == []
    assert Unit.objects.held_by(claim.code).count() == 2
    assert not Expiry.objects.exists()


def test_a_cancelled_claim_does_not_expire(claim: Claim) -> None:
    Claim.objects.filter(pk=claim.pk).update(state="accepted", payment_due_at=None)
    cancel_claim(code=claim.code, actor="claimant", now=NOW)
    assert expire_reservations(now=LATER) == []
    claim.refresh_from_db()
    assert claim.state == "cancelled"


def test_keys_held_for_no_claim_expire_as_well(claim: Claim) -> None:
    set_reservation_expiry(holder="DRILL-1", expires_at=SOON)
    assert expire_reservations(now=LATER) == [claim.code]
    assert not Expiry.objects.exists()
