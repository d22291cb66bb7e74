"""The claimant's pages through Django's client: what is said to whom, and what a form does."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from common import clock
from common.invariants import verify_all
from config.models import User
from fulfillment.claims.models import Campaign
from fulfillment.notices.services import send_notices
from inventory.selectors import available_count
from tests.browser import mailed_code
from tests.conftest import MakeClaim, Roster

pytestmark = pytest.mark.django_db

SignedIn = Callable[[str], Client]
OF_A_CLAIM = ("", "made/", "address/", "cancel/", "report/", "enrol/")
PAGES = (
    "/claim/",
    "/claim/keys/",
    "/claim/address/",
    "/claim/review/",
    "/messages/",
    *(f"/claims/C-000000000000/{page}" for page in OF_A_CLAIM),
)


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


class TestMyClaim:
    def test_somebody_elses_is_as_unknown_as_none(
        self, stock: None, make_claim: MakeClaim, signed_in: SignedIn
    ) -> None:
        theirs = make_claim("m-owner")
        client = signed_in("m-second")
        for code in (theirs.code, "C-000000000000", "nonsense", "C-%00"):
            for page in OF_A_CLAIM:
                assert client.get(f"/claims/{code}/{page}").status_code == 404
        for page in ("cancel/", "accept/", "received/", "report/", "address/"):
            assert client.post(f"/claims/{theirs.code}/{page}").status_code == 404
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
        assert verify_all().ok
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
