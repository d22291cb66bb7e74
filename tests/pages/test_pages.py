"""The claimant's pages through Django's client: what is said to whom, and what a form does."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.test import Client

from config import clock
from config.invariants import verify
from config.models import User
from fulfillment.claims.models import Campaign, Claim
from fulfillment.notices.services import send_notices
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import SealedDocument
from inventory.selectors import available_count
from inventory.services.reservations import Wanted, reserve
from tests.browser import mailed_code
from tests.conftest import MakeClaim, Roster

pytestmark = pytest.mark.django_db

SignedIn = Callable[[str], Client]
PAGES = ("/claim/", "/claims/C-000000000000/", "/claims/C-000000000000/cancel/")


@pytest.fixture
def form(address: PostalAddress) -> dict[str, str]:
    """What somebody fills in."""
    return {"keys": "KD-A-NFC+KD-C-NFC", "form_key": "once", **vars(address)}


class TestTheFirstPage:
    def test_without_a_campaign_it_says_so(self, client: Client) -> None:
        page = client.get("/")
        assert page.status_code == 200
        assert "No programme is set up yet" in page.content.decode()

    def test_it_counts_keys_and_names_the_next_step(
        self, client: Client, stock: None, make_claim: MakeClaim, signed_in: SignedIn
    ) -> None:
        make_claim("m-owner")
        page = client.get("/").content.decode()
        assert "Sign in to check and claim" in page
        # One person is fewer than may be told: the public numbers do not move with a single claim.
        assert re.search(r'class="figure">20<', page)
        assert "0 claimed so far" in page
        assert "Japan" in page
        assert "Check and claim" in signed_in("m-second").get("/").content.decode()
        assert "See your claim" in signed_in("m-owner").get("/").content.decode()

    def test_a_campaign_not_open_yet_and_one_closed_give_their_dates(
        self, client: Client, campaign: Campaign, now: datetime
    ) -> None:
        with clock.reading(lambda: now - timedelta(days=5)):
            assert "opens on" in client.get("/").content.decode()
        with clock.reading(lambda: now + timedelta(days=90)):
            assert "closed on" in client.get("/").content.decode()

    def test_nothing_loads_from_elsewhere(self, client: Client, campaign: Campaign) -> None:
        page = client.get("/")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert all(address.startswith("/") or address.startswith("#") for address in _addresses(page))
        assert 'style="' not in page.content.decode()


class TestSigningIn:
    @pytest.mark.parametrize("path", PAGES)
    def test_signed_out_people_are_sent_to_sign_in_and_back(self, client: Client, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"] == f"/sign-in/login/code/?next={path}"

    def test_a_code_by_mail_signs_in_and_leads_back(
        self, client: Client, roster: Roster, campaign: Campaign
    ) -> None:
        client.post("/sign-in/login/code/?next=/claim/", {"email": "OWNER@example.org", "next": "/claim/"})
        code = mailed_code()
        answer = client.post("/sign-in/login/code/confirm/", {"code": code, "next": "/claim/"}, follow=True)
        assert answer.redirect_chain[-1][0] == "/claim/"
        assert "m-owner" in answer.content.decode()

    def test_an_unknown_address_gets_the_same_answer_and_no_mail(
        self, client: Client, roster: Roster
    ) -> None:
        known = client.post("/sign-in/login/code/", {"email": "owner@example.org"}, follow=True)
        send_notices(now=clock.now())
        sent = len(mail.outbox)
        unknown = Client().post("/sign-in/login/code/", {"email": "stranger@example.org"}, follow=True)
        send_notices(now=clock.now())
        assert sent == len(mail.outbox) == 1
        assert known.redirect_chain == unknown.redirect_chain
        assert known.content.decode().replace("owner@", "").count("code") == unknown.content.decode().count(
            "code"
        )

    def test_staff_are_told_that_there_is_nothing_to_claim(self, campaign: Campaign) -> None:
        client = Client()
        client.force_login(User.objects.create(username="staff", is_staff=True))
        page = client.get("/claim/")
        assert page.status_code == 200
        assert "There is nothing to claim" in page.content.decode()


class TestTheForm:
    def test_every_verdict_is_shown_with_its_evidence(
        self, campaign: Campaign, stock: None, signed_in: SignedIn
    ) -> None:
        page = signed_in("m-owner").get("/claim/").content.decode()
        assert "You may claim, m-owner" in page
        assert "keystone-lib" in page
        assert "critical since 2022-07-11" in page
        assert 'autocomplete="postal-code"' in page

    @pytest.mark.parametrize("username", ["m-guarded", "m-bystander"])
    def test_who_may_not_claim_gets_no_form(
        self, campaign: Campaign, stock: None, signed_in: SignedIn, username: str
    ) -> None:
        page = signed_in(username).get("/claim/").content.decode()
        assert "You cannot claim at the moment" in page
        assert "form_key" not in page

    def test_a_pair_is_offered_first(self, campaign: Campaign, stock: None, signed_in: SignedIn) -> None:
        page = signed_in("m-owner").get("/claim/").content.decode()
        labels = re.findall(r"<span>((?:One|Two) USB.*?)</span>", page)
        assert labels == [
            "One USB-A with NFC and one USB-C with NFC",
            "Two USB-A with NFC",
            "Two USB-C with NFC",
        ]

    def test_a_claim_is_made_and_shown(
        self, campaign: Campaign, stock: None, signed_in: SignedIn, form: dict[str, str]
    ) -> None:
        client = signed_in("m-owner")
        answer = client.post("/claim/", form, follow=True)
        claim = Claim.objects.get()
        assert answer.redirect_chain == [(f"/claims/{claim.code}/", 302)]
        page = answer.content.decode()
        assert "Accepted, keys reserved" in page
        assert "Confirmed" in page
        assert "Montgomery" not in page

    def test_the_same_form_again_shows_what_it_made(
        self, campaign: Campaign, stock: None, signed_in: SignedIn, form: dict[str, str]
    ) -> None:
        client = signed_in("m-owner")
        first = client.post("/claim/", form)
        again = client.post("/claim/", form)
        assert again.headers["Location"] == first.headers["Location"]
        client.post(first.headers["Location"] + "cancel/")
        # Cancelled in the meantime, the stale form does not claim anew; a new form does.
        assert client.post("/claim/", form).headers["Location"] == first.headers["Location"]
        assert Claim.objects.count() == 1
        client.post("/claim/", form | {"form_key": "another"})
        assert Claim.objects.count() == 2

    def test_another_window_shows_the_claim_there_is(
        self, campaign: Campaign, stock: None, signed_in: SignedIn, form: dict[str, str]
    ) -> None:
        first = signed_in("m-owner").post("/claim/", form)
        again = signed_in("m-owner").post("/claim/", form | {"form_key": "other"}, follow=True)
        assert again.redirect_chain == [(first.headers["Location"], 302)]
        assert "You have a claim already" in again.content.decode()

    @pytest.mark.parametrize(
        ("change", "field", "said"),
        [
            ({"name": ""}, "name", "Enter the name"),
            ({"name": "   "}, "name", "Enter the name"),
            ({"street1": "x" * 10_000}, "street1", "At most 100 characters fit"),
            ({"name": "Robin\x07"}, "name", "cannot be printed"),
            ({"name": "Robin\u202eelpmaxE"}, "name", "cannot be printed"),
            ({"name": "Robin\x00"}, "name", "Null characters"),
            ({"country": ""}, "country", "Choose the country"),
            ({"country": "KP"}, "country", "Select a valid choice"),
            ({"country": "DE", "postal_code": "10117", "state": ""}, "phone", "need a phone number"),
            ({"postal_code": "SW1A"}, "postal_code", "does not look like one"),
            ({"city": ""}, "city", "Addresses in this country need it"),
            ({"keys": "KD-X+KD-X"}, "keys", "Select a valid choice"),
            ({"keys": ""}, "keys", "required"),
        ],
    )
    def test_what_is_wrong_is_said_beside_the_field_and_the_rest_is_kept(
        self,
        campaign: Campaign,
        stock: None,
        signed_in: SignedIn,
        form: dict[str, str],
        change: dict[str, str],
        field: str,
        said: str,
    ) -> None:
        answer = signed_in("m-owner").post("/claim/", form | change)
        assert answer.status_code == 422
        page = answer.content.decode()
        beside = re.search(rf'id="id_{field}_error">(.*?)</p>', page, re.DOTALL)
        assert beside is not None, field
        assert said in beside.group(1)
        kept = "San Francisco" if field == "city" else "Robin" if field != "name" else "417 Montgomery Street"
        assert field == "city" or kept in page
        assert not Claim.objects.exists()
        assert not SealedDocument.objects.exists()

    @pytest.mark.parametrize("typed", ["<script>alert(1)</script>", "=HYPERLINK(1)", "🔑🔑"])
    def test_odd_text_is_taken_as_text(
        self, campaign: Campaign, stock: None, signed_in: SignedIn, form: dict[str, str], typed: str
    ) -> None:
        page = signed_in("m-owner").post("/claim/", form | {"name": typed, "street1": ""}).content.decode()
        assert "<script>alert" not in page
        assert signed_in("m-owner").post("/claim/", form | {"name": typed}).status_code == 302

    def test_a_country_that_closed_meanwhile_is_refused_with_the_reason(
        self,
        campaign: Campaign,
        stock: None,
        signed_in: SignedIn,
        form: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from fulfillment.claims.models import Region
        from pages import views

        rows = list(Region.objects.filter(country="US"))
        monkeypatch.setattr(views, "open_regions", lambda now: rows)
        Region.objects.filter(country="US").update(status="paused", reason="The carrier is on strike.")
        answer = signed_in("m-owner").post("/claim/", form)
        assert answer.status_code == 403
        assert "The carrier is on strike." in answer.content.decode()
        assert not Claim.objects.exists()

    def test_when_keys_are_gone_the_form_says_waitlist(
        self, campaign: Campaign, stock: None, signed_in: SignedIn, form: dict[str, str], now: datetime
    ) -> None:
        with transaction.atomic():
            reserve(holder="elsewhere", wanted=[Wanted(None, 20)], actor="staff", now=now)
        client = signed_in("m-owner")
        assert "Join the waitlist" in client.get("/claim/").content.decode()
        page = client.post("/claim/", form, follow=True).content.decode()
        assert "number 1" in page

    def test_a_page_takes_few_queries(
        self,
        campaign: Campaign,
        stock: None,
        signed_in: SignedIn,
        make_claim: MakeClaim,
        django_assert_max_num_queries: Any,
    ) -> None:
        client = signed_in("m-owner")
        with django_assert_max_num_queries(17):
            client.get("/claim/")
        claim = make_claim("m-owner")
        with django_assert_max_num_queries(15):
            client.get(f"/claims/{claim.code}/")
        with django_assert_max_num_queries(15):
            client.get("/")


class TestMyClaim:
    def test_somebody_elses_is_as_unknown_as_none(
        self, stock: None, make_claim: MakeClaim, signed_in: SignedIn
    ) -> None:
        theirs = make_claim("m-owner")
        client = signed_in("m-second")
        for code in (theirs.code, "C-000000000000", "nonsense", "C-%00"):
            for path in (f"/claims/{code}/", f"/claims/{code}/cancel/"):
                assert client.get(path).status_code == 404
        assert client.post(f"/claims/{theirs.code}/cancel/").status_code == 404
        theirs.refresh_from_db()
        assert theirs.state == "accepted"

    def test_cancelling_asks_first_and_gives_the_keys_back(
        self, stock: None, make_claim: MakeClaim, signed_in: SignedIn
    ) -> None:
        claim = make_claim("m-owner")
        client = signed_in("m-owner")
        assert "Cancel this claim?" in client.get(f"/claims/{claim.code}/cancel/").content.decode()
        assert available_count() == 18
        page = client.post(f"/claims/{claim.code}/cancel/", follow=True).content.decode()
        assert "Your claim is cancelled." in page
        assert available_count() == 20
        assert verify().ok
        again = client.post(f"/claims/{claim.code}/cancel/", follow=True).content.decode()
        assert "too late to cancel" in again

    def test_a_change_needs_the_sites_own_form(
        self, stock: None, make_claim: MakeClaim, sign_in_of: Any
    ) -> None:
        claim = make_claim("m-owner")
        client = Client(enforce_csrf_checks=True)
        client.force_login(sign_in_of("m-owner"))
        assert client.post(f"/claims/{claim.code}/cancel/").status_code == 403
        claim.refresh_from_db()
        assert claim.state == "accepted"


def _addresses(page: Any) -> list[str]:
    return re.findall(r'(?:href|src|action)="([^"]*)"', page.content.decode())
