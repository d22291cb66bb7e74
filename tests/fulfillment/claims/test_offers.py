"""Keys that come free are offered to the first in line, who takes them, declines, or lets the time pass."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from common.invariants import verify_all
from fulfillment.claims.errors import NoOffer
from fulfillment.claims.models import Claim
from fulfillment.claims.selectors import waitlist_place
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.claims.services.expiry import expire_reservations
from fulfillment.claims.services.waitlist import accept_offer, promote_waitlist
from fulfillment.notices.models import Notice
from fulfillment.vault.models import DataKey
from inventory.models import Unit
from inventory.selectors import available_count
from tests.conftest import MakeClaim, receive

pytestmark = pytest.mark.django_db
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TOO_LATE = LATER + timedelta(days=7)


@pytest.fixture
def offered(make_claim: MakeClaim) -> tuple[Claim, Claim]:
    """Two in line; a pair came in and was offered to the first."""
    first, second = make_claim("m-owner"), make_claim("m-second", now=LATER)
    receive(now=NOW, each=1)
    assert promote_waitlist(campaign_id=first.campaign_id, now=LATER) == 1
    first.refresh_from_db()
    return first, second


def test_the_first_in_line_is_offered_what_comes_free(offered: tuple[Claim, Claim]) -> None:
    first, second = offered
    assert (first.state, first.offered_until) == ("waitlisted", TOO_LATE)
    assert Unit.objects.held_by(first.code).count() == 2
    assert (waitlist_place(first), waitlist_place(second)) == (None, 1)
    assert Notice.objects.get(template="promoted").claim_code == first.code
    assert verify_all().violations == []
    assert promote_waitlist(campaign_id=first.campaign_id, now=LATER) == 0


def test_taking_it_accepts_the_claim(offered: tuple[Claim, Claim]) -> None:
    claim = accept_offer(code=offered[0].code, actor="claimant", now=LATER)
    assert (claim.state, claim.offered_until, claim.waitlisted_at) == ("accepted", None, None)
    assert ProcrastinateJob.objects.filter(task_name="shipping.ship_claim").count() == 1
    assert expire_reservations(now=TOO_LATE) == []
    assert verify_all().violations == []
    with pytest.raises(NoOffer):
        accept_offer(code=claim.code, actor="claimant", now=LATER)


def test_declining_passes_it_on(offered: tuple[Claim, Claim]) -> None:
    first, second = offered
    cancel_claim(code=first.code, actor="claimant", now=LATER)
    assert available_count() == 2
    assert promote_waitlist(campaign_id=first.campaign_id, now=LATER) == 1
    second.refresh_from_db()
    assert second.offered_until is not None
    assert verify_all().violations == []


def test_after_its_time_it_goes_to_the_next(offered: tuple[Claim, Claim]) -> None:
    first, second = offered
    assert expire_reservations(now=TOO_LATE - timedelta(seconds=1)) == []
    with pytest.raises(NoOffer):
        accept_offer(code=first.code, actor="claimant", now=TOO_LATE)
    assert expire_reservations(now=TOO_LATE) == [first.code]
    assert expire_reservations(now=TOO_LATE) == []
    first.refresh_from_db()
    assert (first.state, first.offered_until) == ("expired", None)
    assert DataKey.objects.get(subject=first.code).shredded_at == TOO_LATE
    assert Notice.objects.filter(template="expired", claim_code=first.code).count() == 1
    assert promote_waitlist(campaign_id=first.campaign_id, now=TOO_LATE) == 1
    second.refresh_from_db()
    assert second.offered_until is not None
    assert verify_all().violations == []


def test_a_replacement_is_not_asked_about_once_more(
    offered: tuple[Claim, Claim], make_claim: MakeClaim
) -> None:
    claim = accept_offer(code=offered[0].code, actor="claimant", now=LATER)
    Claim.objects.filter(pk=offered[1].pk).update(replaces=claim)
    receive(now=NOW, each=1, lot="LOT-2")
    assert promote_waitlist(campaign_id=claim.campaign_id, now=LATER) == 1
    offered[1].refresh_from_db()
    assert (offered[1].state, offered[1].offered_until) == ("accepted", None)
    assert verify_all().violations == []


@pytest.mark.usefixtures("stock")
def test_there_is_nothing_to_take_without_an_offer(make_claim: MakeClaim) -> None:
    claim = make_claim()
    for code in (claim.code, "C-NONE"):
        with pytest.raises(NoOffer):
            accept_offer(code=code, actor="claimant", now=NOW)


@pytest.mark.usefixtures("stock")
def test_the_database_keeps_offers_to_the_waitlist(make_claim: MakeClaim) -> None:
    claim = make_claim()
    with pytest.raises(IntegrityError, match="offers_are_made_to_the_waitlist"), transaction.atomic():
        Claim.objects.filter(pk=claim.pk).update(offered_until=LATER)
