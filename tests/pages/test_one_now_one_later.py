"""One now, one later: what is in stock is sent, the rest waits as a claim of its own and needs no asking."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.test import Client

from common.errors import BadRequest
from common.invariants import verify_all
from fulfillment.claims.campaigns.price_publishing import publish_prices
from fulfillment.claims.errors import AlreadyClaimed
from fulfillment.claims.models import Campaign, Claim
from fulfillment.claims.rules import WantedItem
from fulfillment.claims.services.amendments_and_reviews import (
    cancel_claim,
    change_address,
    review_claim,
)
from fulfillment.claims.services.waitlist import serve_waitlists
from fulfillment.notices.models import Notice
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import DataKey
from fulfillment.vault.services import Purpose, open_address
from inventory.models import KeyModel, Unit
from inventory.selectors import available_count
from inventory.services.reservations import Wanted, release, reserve
from tests.conftest import USB_A, USB_C, MakeClaim, Roster
from tests.fulfillment.payments.conftest import PRICES
from tests.pages.claiming import Claimant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign", "stock")]
SignedIn = Callable[[str], Client]
IN_PART = {"when_short": "part"}


@pytest.fixture
def owner(signed_in: SignedIn, address: PostalAddress) -> Claimant:
    return Claimant(signed_in("m-owner"), address)


@pytest.fixture
def _no_usb_a(roster: Roster, campaign: Campaign, stock: None, now: datetime) -> None:
    """Of ten keys of this model, someone holds all."""
    model = KeyModel.objects.get(sku=USB_A).pk
    with transaction.atomic():
        reserve(holder="elsewhere", wanted=[Wanted(model, 10)], actor="staff", now=now)


def comes_free(now: datetime) -> None:
    with transaction.atomic():
        release(holder="elsewhere", actor="staff", now=now, reason="cancelled")


def held(claim: Claim) -> list[str]:
    return sorted(Unit.objects.held_by(claim.code).values_list("key_model__sku", flat=True))


def claims() -> tuple[Claim, Claim]:
    first, rest = Claim.objects.order_by("pk")
    assert rest.replaces == first
    return first, rest


def all_is_sound() -> bool:
    """Whether nothing is wrong but what these tests take away: units held by someone without a claim."""
    taken = {("elsewhere",), ("others",)}
    return all(tuple(violation.ids) in taken for violation in verify_all().violations)


def page_of(claimant: Claimant, path: str) -> str:
    return " ".join(claimant.client.get(path).content.decode().split())


@pytest.mark.usefixtures("_no_usb_a")
class TestShort:
    def test_what_there_is_is_sent_and_the_rest_follows_unasked(self, owner: Claimant, now: datetime) -> None:
        form = owner.prepare()
        assert "In two parcels: 1 now, 1 as soon as there is stock" in page_of(owner, "/claim/review/")
        made = owner.client.post("/claim/review/", form | IN_PART)
        first, rest = claims()
        assert made.headers["Location"] == f"/claims/{first.code}/made/"
        assert (first.state, rest.state) == ("accepted", "waitlisted")
        assert (held(first), held(rest)) == ([USB_C], [])
        assert "1 more key comes in a parcel of its own." in page_of(owner, f"/claims/{first.code}/made/")
        page = page_of(owner, f"/claims/{first.code}/")
        assert "You are number 1 in line for it." in page
        assert f"See claim {rest.code}" in page
        assert "second parcel of a claim of yours" in page_of(owner, f"/claims/{rest.code}/")
        assert list(Notice.objects.values_list("template", "claim_code", "context__later")) == [
            ("confirmed", first.code, 1)
        ]
        assert all_is_sound()

        comes_free(now)
        assert serve_waitlists(now=now + timedelta(days=3)) == 1
        rest.refresh_from_db()
        assert (rest.state, held(rest)) == ("accepted", [USB_A])
        assert all_is_sound()

    def test_all_at_once_waits_for_all(self, owner: Claimant) -> None:
        owner.client.post("/claim/review/", owner.prepare() | {"when_short": "wait"})
        only = Claim.objects.get()
        assert (only.state, held(only)) == ("waitlisted", [])

    def test_nothing_in_stock_is_one_place_in_line(self, make_claim: MakeClaim, now: datetime) -> None:
        with transaction.atomic():
            reserve(holder="others", wanted=[Wanted(None, 10)], actor="staff", now=now)
        claim = make_claim("m-owner", in_part=True)
        assert (claim.state, Claim.objects.count()) == ("waitlisted", 1)
        assert sum(claim.items.values_list("quantity", flat=True)) == 2

    def test_any_key_is_taken_as_far_as_it_goes(self, make_claim: MakeClaim, now: datetime) -> None:
        with transaction.atomic():
            reserve(holder="others", wanted=[Wanted(None, 9)], actor="staff", now=now)
        make_claim("m-owner", items=[], in_part=True)
        first, rest = claims()
        assert [len(held(first)), len(held(rest))] == [1, 0]
        item = rest.items.get()
        assert (item.key_model, item.quantity) == (None, 1)
        assert all_is_sound()

    def test_who_comes_later_does_not_overtake_the_rest(self, make_claim: MakeClaim, now: datetime) -> None:
        make_claim("m-owner", in_part=True)
        comes_free(now)
        # The job that serves the line has not run: the ten that came free are spoken for.
        make_claim("m-second", in_part=True)
        second = Claim.objects.filter(account__username="m-second").order_by("pk")
        assert [(claim.state, held(claim)) for claim in second] == [("accepted", [USB_C]), ("waitlisted", [])]
        serve_waitlists(now=now)
        assert not Claim.objects.filter(state="waitlisted").exists()
        assert all_is_sound()

    def test_giving_up_the_claim_gives_up_the_rest(
        self, make_claim: MakeClaim, now: datetime, owner: Claimant
    ) -> None:
        claim = make_claim("m-owner", in_part=True)
        cancel_claim(code=claim.code, actor="maintainer:1", now=now)
        assert {one.state for one in claims()} == {"cancelled"}
        assert not DataKey.objects.filter(
            shredded_at=None, subject__in=[one.code for one in claims()]
        ).exists()
        # And once it was reserved, its keys go back as well.
        again = make_claim("m-owner", in_part=True)
        comes_free(now)
        serve_waitlists(now=now)
        assert available_count() == 18
        cancel_claim(code=again.code, actor="maintainer:1", now=now)
        assert available_count() == 20
        assert all_is_sound()

    def test_the_rest_can_be_given_up_alone(self, make_claim: MakeClaim, now: datetime) -> None:
        make_claim("m-owner", in_part=True)
        first, rest = claims()
        cancel_claim(code=rest.code, actor="maintainer:1", now=now)
        assert [one.state for one in claims()] == ["accepted", "cancelled"]
        assert held(first) == [USB_C]

    def test_a_new_address_is_the_rests_too(
        self, make_claim: MakeClaim, address: PostalAddress, now: datetime
    ) -> None:
        claim = make_claim("m-owner", in_part=True)
        moved = PostalAddress(**(vars(address) | {"street1": "1 Market Street"}))
        change_address(code=claim.code, address=moved, actor="maintainer:1", now=now)
        for one in claims():
            opened = open_address(subject=one.code, purpose=Purpose.SUPPORT, actor="staff", now=now)
            assert opened.street1 == "1 Market Street"

    def test_who_is_looked_at_first_keeps_the_choice(self, make_claim: MakeClaim, now: datetime) -> None:
        claim = make_claim("m-org", in_part=True)
        assert claim.state == "in_review"
        review_claim(code=claim.code, approve=True, note="Named.", reviewer="staff:rita", now=now)
        first, rest = claims()
        assert [(one.state, held(one)) for one in (first, rest)] == [
            ("accepted", [USB_C]),
            ("waitlisted", []),
        ]
        assert list(first.items.values_list("key_model__sku", "quantity")) == [(USB_C, 1)]
        comes_free(now)
        serve_waitlists(now=now)
        assert all_is_sound()

    def test_a_second_claim_beside_the_rest_is_still_refused(self, make_claim: MakeClaim) -> None:
        make_claim("m-owner", in_part=True)
        with pytest.raises(AlreadyClaimed):
            make_claim("m-owner")

    def test_what_is_to_be_paid_is_sent_whole(
        self, campaign: Campaign, make_claim: MakeClaim, now: datetime
    ) -> None:
        publish_prices(
            campaign=campaign, document={**PRICES, "valid_from": now.isoformat()}, actor="staff", now=now
        )
        with pytest.raises(BadRequest) as refusal:
            make_claim("m-owner", items=[WantedItem(USB_C, 3)], in_part=True)
        assert [problem.field for problem in refusal.value.errors] == ["in_part"]
        assert not Claim.objects.exists()


def test_enough_in_stock_is_one_claim_whatever_was_chosen(make_claim: MakeClaim) -> None:
    claim = make_claim("m-owner", in_part=True)
    assert (claim.state, Claim.objects.count(), held(claim)) == ("accepted", 1, [USB_A, USB_C])


def test_two_at_once_for_the_last_key_share_nothing(make_claim: MakeClaim, now: datetime) -> None:
    with transaction.atomic():
        reserve(holder="others", wanted=[Wanted(None, 19)], actor="staff", now=now)
    make_claim("m-owner", items=[], in_part=True)
    make_claim("m-second", items=[], in_part=True)
    assert available_count() == 0
    assert sorted(Claim.objects.values_list("state", flat=True)) == ["accepted", "waitlisted", "waitlisted"]
    assert all_is_sound()
