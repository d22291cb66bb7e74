"""The way to a claim: each step keeps what it was given, and the last makes one claim, once."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from fulfillment.claims.models import Claim, Draft, Region
from fulfillment.claims.services.amendments_and_reviews import cancel_claim
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import EncryptedDocument
from fulfillment.vault.services import Purpose, open_address
from inventory.services.receiving import receive_stock
from inventory.services.reservations import Wanted, reserve
from tests.conftest import USB_A, MakeClaim, Roster
from tests.pages.claiming import Claimant, only_claim

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign")]

SignedIn = Callable[[str], Client]


@pytest.fixture
def owner(signed_in: SignedIn, address: PostalAddress) -> Claimant:
    return Claimant(signed_in("m-owner"), address)


def sent_to(now: datetime) -> PostalAddress:
    return open_address(subject=only_claim().code, purpose=Purpose.SUPPORT, actor="staff", now=now)


@pytest.mark.usefixtures("stock")
class TestTheWay:
    def test_four_steps_make_a_claim(self, owner: Claimant, address: PostalAddress, now: datetime) -> None:
        assert owner.choose_country().headers["Location"] == "/claim/keys/"
        assert owner.choose_keys().headers["Location"] == "/claim/address/"
        assert owner.give_address().headers["Location"] == "/claim/review/"
        page = owner.look_over().content.decode()
        assert "417 Montgomery Street" in page
        assert "Nothing: keys, postage and duties are paid for." in page
        made = owner.client.post("/claim/review/", owner.form())
        claim = only_claim()
        assert made.headers["Location"] == f"/claims/{claim.code}/made/"
        assert claim.state == "accepted"
        assert sorted(claim.items.values_list("key_model__sku", "quantity")) == [
            ("KD-A-NFC", 1),
            ("KD-C-NFC", 1),
        ]
        assert sent_to(now) == address
        page = owner.client.get(made.headers["Location"]).content.decode()
        assert "Your keys are reserved" in page
        assert "29 July 2022" not in page
        assert "Montgomery" not in page

    def test_a_step_not_done_leads_back_to_it(self, owner: Claimant) -> None:
        for path in ("/claim/keys/", "/claim/address/", "/claim/review/"):
            assert owner.client.get(path).headers["Location"] == "/claim/"
        owner.choose_country()
        assert owner.look_over().headers["Location"] == "/claim/keys/"
        owner.choose_keys()
        assert owner.look_over().headers["Location"] == "/claim/address/"

    def test_it_goes_on_on_another_device(
        self, owner: Claimant, signed_in: SignedIn, address: PostalAddress
    ) -> None:
        owner.prepare()
        elsewhere = Claimant(signed_in("m-owner"), address)
        assert "417 Montgomery Street" in elsewhere.look_over().content.decode()
        assert 'value="417 Montgomery Street"' in elsewhere.client.get("/claim/address/").content.decode()
        assert "Montgomery" not in str(list(Draft.objects.values()))

    def test_a_change_at_the_end_leads_back_to_the_end(self, owner: Claimant) -> None:
        owner.prepare()
        assert owner.choose_keys(**{"keys_KD-C-NFC": "0"}).headers["Location"] == "/claim/review/"

    def test_another_country_asks_for_another_address(self, owner: Claimant) -> None:
        owner.prepare()
        assert owner.choose_country("DE").headers["Location"] == "/claim/address/"
        assert not EncryptedDocument.objects.exists()

    def test_somebody_elses_draft_is_nobodys_business(
        self, owner: Claimant, signed_in: SignedIn, address: PostalAddress
    ) -> None:
        form = owner.prepare()
        owner.client.post("/claim/review/", form)
        other = Claimant(signed_in("m-second"), address)
        other.prepare()
        answer = other.client.post("/claim/review/", form, follow=True)
        assert "This page was out of date" in answer.content.decode()
        assert Claim.objects.count() == 1


@pytest.mark.usefixtures("stock")
class TestOnce:
    def test_the_same_form_again_shows_what_it_made(self, owner: Claimant, now: datetime) -> None:
        form = owner.prepare()
        owner.client.post("/claim/review/", form)
        code = only_claim().code
        for path in ("/claim/review/", "/claim/", "/claim/keys/"):
            assert owner.client.post(path, form).headers["Location"] == f"/claims/{code}/"
        cancel_claim(code=code, actor="maintainer:1", now=now)
        # Cancelled in the meantime, the stale form does not claim anew; a new one does.
        assert owner.client.post("/claim/review/", form).headers["Location"] == f"/claims/{code}/"
        assert Claim.objects.count() == 1
        owner.claim()
        assert Claim.objects.count() == 2

    def test_a_claim_made_elsewhere_is_shown_and_nothing_made(
        self, owner: Claimant, make_claim: MakeClaim
    ) -> None:
        form = owner.prepare()
        claim = make_claim("m-owner")
        answer = owner.client.post("/claim/review/", form, follow=True)
        assert answer.redirect_chain == [(f"/claims/{claim.code}/", 302)]
        assert "You already have a claim" in answer.content.decode()
        assert Claim.objects.count() == 1

    def test_a_stale_price_is_shown_anew(self, owner: Claimant) -> None:
        form = owner.prepare()
        answer = owner.client.post("/claim/review/", form | {"agreed": "500 USD"})
        assert answer.status_code == 409
        assert "The price has changed" in answer.content.decode()
        assert not Claim.objects.exists()


@pytest.mark.usefixtures("stock")
class TestWhereOneStands:
    def test_every_verdict_is_shown_with_its_evidence(self, owner: Claimant) -> None:
        page = owner.client.get("/claim/").content.decode()
        assert "You may claim, m-owner" in page
        assert "keystone-lib" in page
        assert "critical since 11 July 2022" in page

    @pytest.mark.parametrize("username", ["m-guarded", "m-bystander"])
    def test_who_may_not_claim_gets_no_form(self, signed_in: SignedIn, username: str) -> None:
        client = signed_in(username)
        page = client.get("/claim/").content.decode()
        assert "You cannot claim at the moment" in page
        assert "claim-form" not in page
        # Nor by going round the page.
        claimant = Claimant(client, PostalAddress(name="R", street1="1 A St", country="US"))
        assert claimant.choose_country().status_code == 200

    def test_who_goes_round_the_first_page_is_refused_at_the_last(
        self, owner: Claimant, roster: Roster, now: datetime
    ) -> None:
        form = owner.prepare()
        roster["m-owner"].opted_out_at = now
        roster["m-owner"].save()
        assert "You cannot claim at the moment" in owner.look_over().content.decode()
        assert owner.client.post("/claim/review/", form).status_code == 403
        assert not Claim.objects.exists()

    def test_a_country_that_is_not_open_is_refused_with_the_reason_before_anything_is_typed(
        self, owner: Claimant
    ) -> None:
        page = owner.choose_country("KP").content.decode()
        assert "restricted by sanctions law" in page
        assert '<select name="country"' in page

    def test_a_country_that_closed_meanwhile_is_refused_at_the_last(self, owner: Claimant) -> None:
        form = owner.prepare()
        Region.objects.filter(country="US").update(status="paused", reason="The carrier is on strike.")
        answer = owner.client.post("/claim/review/", form)
        assert answer.status_code == 403
        assert "The carrier is on strike." in answer.content.decode()
        assert not Claim.objects.exists()

    def test_the_country_asked_about_before_is_chosen_already(self, owner: Claimant) -> None:
        page = owner.client.get("/claim/?country=DE").content.decode()
        assert '<option value="DE" selected>' in page


class TestTheKeys:
    def chosen(self, page: str) -> dict[str, str]:
        return dict(re.findall(r'name="keys_([A-Z-]+)"[^>]*>.*?value="(\d)" selected', page, re.DOTALL))

    @pytest.mark.parametrize(
        ("ports", "expected"),
        [
            ("", {"KD-A-NFC": "1", "KD-C-NFC": "1"}),
            ("?port=usb_c", {"KD-A-NFC": "0", "KD-C-NFC": "2"}),
            ("?port=usb_a&port=nfc", {"KD-A-NFC": "2", "KD-C-NFC": "0"}),
            ("?port=usb_a&port=usb_c", {"KD-A-NFC": "1", "KD-C-NFC": "1"}),
            ("?port=nonsense", {"KD-A-NFC": "1", "KD-C-NFC": "1"}),
        ],
    )
    @pytest.mark.usefixtures("stock")
    def test_ports_suggest_keys(self, owner: Claimant, ports: str, expected: dict[str, str]) -> None:
        owner.choose_country()
        assert self.chosen(owner.client.get(f"/claim/keys/{ports}").content.decode()) == expected

    def test_what_is_in_stock_is_suggested_before_what_is_not(self, owner: Claimant, now: datetime) -> None:
        receive_stock(sku=USB_A, lot_reference="A", quantity=5, actor="staff", now=now)
        owner.choose_country()
        page = owner.client.get("/claim/keys/").content.decode()
        assert self.chosen(page) == {"KD-A-NFC": "2", "KD-C-NFC": "0"}
        assert "Out of stock" in page

    @pytest.mark.usefixtures("stock")
    @pytest.mark.parametrize(("a", "c"), [("1", "0"), ("0", "1"), ("2", "0"), ("1", "1")])
    def test_any_mix_and_one_alone_is_fine(self, owner: Claimant, a: str, c: str) -> None:
        owner.keys = {"keys_KD-A-NFC": a, "keys_KD-C-NFC": c}
        owner.claim()
        assert sum(only_claim().items.values_list("quantity", flat=True)) == int(a) + int(c)

    @pytest.mark.usefixtures("stock")
    @pytest.mark.parametrize(
        ("keys", "said"),
        [
            ({"keys_KD-A-NFC": "0", "keys_KD-C-NFC": "0"}, "Choose at least one key."),
            ({"keys_KD-A-NFC": "2", "keys_KD-C-NFC": "1"}, "Choose up to 2 keys in all."),
            ({"keys_KD-A-NFC": "9", "keys_KD-C-NFC": "0"}, "Choose how many from the list."),
            ({"keys_KD-A-NFC": "=1+1", "keys_KD-C-NFC": "0"}, "Choose how many from the list."),
            ({"keys_KD-A-NFC": "x" * 10_000, "keys_KD-C-NFC": "0"}, "Choose how many from the list."),
            ({"keys_KD-A-NFC": "1\u202e", "keys_KD-C-NFC": "0"}, "Choose how many from the list."),
            ({}, "Choose at least one key."),
        ],
    )
    def test_what_cannot_be_is_said_beside_the_field(
        self, owner: Claimant, keys: dict[str, str], said: str
    ) -> None:
        owner.choose_country()
        answer = owner.client.post("/claim/keys/", keys)
        assert answer.status_code == 422
        beside = re.search(r'id="id_keys_KD-A-NFC_error">(.*?)</p>', answer.content.decode(), re.DOTALL)
        assert beside is not None
        assert said in beside.group(1)
        assert not Draft.objects.exclude(wanted={}).exists()

    def test_when_keys_are_gone_there_is_a_place_in_line(
        self, owner: Claimant, stock: None, now: datetime
    ) -> None:
        with transaction.atomic():
            reserve(holder="elsewhere", wanted=[Wanted(None, 20)], actor="staff", now=now)
        assert "All keys are claimed at the moment" in owner.client.get("/claim/").content.decode()
        form = owner.prepare()
        page = owner.look_over().content.decode()
        assert "Join the waitlist" in page
        assert "Not enough in stock at the moment" in page
        page = owner.client.post("/claim/review/", form, follow=True).content.decode()
        assert "You are number 1 in line" in page


@pytest.mark.usefixtures("stock")
def test_the_pages_take_few_queries(owner: Claimant, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(15):
        owner.client.get("/claim/")
    form = owner.prepare()
    for path in ("/claim/", "/claim/keys/", "/claim/address/", "/claim/review/", "/messages/"):
        with django_assert_max_num_queries(15):
            assert owner.client.get(path).status_code == 200, path
    owner.client.post("/claim/review/", form)
    code = only_claim().code
    for page in ("", "made/", "address/", "cancel/", "enrol/"):
        with django_assert_max_num_queries(15):
            assert owner.client.get(f"/claims/{code}/{page}").status_code == 200, page
