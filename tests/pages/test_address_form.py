"""The address step: in its country's shape, and every field held to everything people type."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from fulfillment.claims.models import Campaign, Draft, Region
from fulfillment.postage import gateways
from fulfillment.shipments.carrier_values import NOT_ASKED, Finding, Verification
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import EncryptedDocument
from fulfillment.vault.services import Purpose, open_address
from pages.forms.address import AddressForm
from tests.conftest import MakeClaim
from tests.pages.claiming import Claimant, only_claim

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign", "stock")]

SignedIn = Callable[[str], Client]
FIELDS = ("name", "company", "street1", "street2", "city", "state", "postal_code")
REQUIRED = ("name", "street1", "city", "state", "postal_code")


class Carrier:
    """What the carrier says of every address."""

    def __init__(self, verification: Verification) -> None:
        self.verification = verification
        self.asked: list[PostalAddress] = []

    def verify_address(self, address: PostalAddress) -> Verification:
        self.asked.append(address)
        return self.verification


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    silent = Carrier(NOT_ASKED)
    monkeypatch.setattr(gateways, "address_verifier", lambda: silent)
    return silent


@pytest.fixture
def owner(signed_in: SignedIn, address: PostalAddress, carrier: Carrier) -> Claimant:
    claimant = Claimant(signed_in("m-owner"), address)
    claimant.choose_country()
    claimant.choose_keys()
    return claimant


def beside(page: str, field: str) -> str:
    found = re.search(rf'id="id_{field}_error">(.*?)</p>', page, re.DOTALL)
    return found.group(1) if found else ""


def kept(page: str, field: str) -> str:
    found = re.search(rf'name="{field}" value="(.*?)"', page)
    return found.group(1) if found else ""


NASTY = {
    "nothing": ("", "needed"),
    "spaces": ("   ", "needed"),
    "ten thousand characters": ("x" * 10_000, "refused"),
    "a control character": ("Robin\x07 1", "refused"),
    "a null": ("Robin\x00 1", "refused"),
    "a right-to-left override": ("1 Robin\u202eelpmaxE", "refused"),
    "HTML": ("1 <script>alert(1)</script>", "taken"),
    "an emoji": ("1 🔑 Lane", "taken"),
    "a formula": ("=HYPERLINK(1)", "taken"),
    "another script": ("1 山田", "asked in Latin"),
}
# A list or a shape of its own refuses what is not of it, whatever it is.
SHAPED = ("state", "postal_code")


@pytest.mark.parametrize("what", NASTY)
@pytest.mark.parametrize("field", FIELDS)
def test_every_field_takes_or_refuses_what_people_type(owner: Claimant, field: str, what: str) -> None:
    typed, expected = NASTY[what]
    if expected == "needed" and field not in REQUIRED:
        expected = "taken"
    if field in SHAPED and expected != "needed":
        expected = "refused"
    answer = owner.give_address(**{field: typed})
    page = answer.content.decode()
    if expected == "taken":
        assert answer.headers["Location"] == "/claim/review/"
        shown = owner.look_over().content.decode()
        assert "<script>alert" not in shown
        return
    assert answer.status_code == 422
    assert "<script>alert" not in page
    assert beside(page, f"latin_{field}" if expected == "asked in Latin" else field)
    # What was typed elsewhere is kept, and nothing is stored.
    other = "street1" if field != "street1" else "city"
    assert kept(page, other) == getattr(owner.address, other)
    assert not EncryptedDocument.objects.exists()
    assert not Draft.objects.get().has_address


@pytest.mark.parametrize(
    ("country", "labels", "areas"),
    [
        ("US", ["Full name", "Street and number", "Town or city", "State", "ZIP code"], 62),
        ("DE", ["Full name", "Street and number", "Postal code", "Town or city", "Phone"], 0),
        ("JP", ["Full name", "Postal code", "Prefecture", "Street and number", "Phone"], 47),
        ("GB", ["Full name", "Street and number", "Town", "Postal code", "Phone"], 0),
    ],
)
def test_the_form_has_the_shape_of_its_country(
    country: str, labels: list[str], areas: int, now: datetime
) -> None:
    region = Region.objects.get(country=country, key_model=None)
    form = AddressForm(country=country, region=region, now=now)
    assert [str(field.label) for field in form if field.field.required] == labels
    if areas:
        assert len(form.fields["state"].choices) >= areas  # type: ignore[attr-defined]


def test_phone_and_tax_id_are_asked_for_only_where_the_region_says_so(now: datetime) -> None:
    region = Region.objects.get(country="US", key_model=None)
    assert not {"phone", "tax_id"} & set(AddressForm(country="US", region=region, now=now).fields)
    region.phone_required = region.tax_id_required = True
    assert {"phone", "tax_id"} <= set(AddressForm(country="US", region=region, now=now).fields)


def test_an_area_in_another_script_brings_its_latin_name(owner: Claimant, now: datetime) -> None:
    owner.choose_country("JP")
    japanese = {
        "name": "山田 花子", "street1": "千代田 1-1", "city": "", "state": "東京都",
        "postal_code": "100-0001", "phone": "+81 3 5555 0100",
    }  # fmt: skip
    answer = owner.client.post("/claim/address/", japanese)
    assert "Carriers read Latin letters only" in beside(answer.content.decode(), "latin_name")
    latin = {"latin_name": "Hanako Yamada", "latin_street1": "1-1 Chiyoda"}
    assert owner.client.post("/claim/address/", japanese | latin).status_code == 302
    given = open_address(subject=Draft.objects.get().code, purpose=Purpose.SUPPORT, actor="staff", now=now)
    assert (given.for_label().state, given.for_label().name) == ("Tokyo", "Hanako Yamada")


class TestTheCarriersWord:
    def test_a_difference_is_shown_and_stores_nothing(
        self, owner: Claimant, carrier: Carrier, address: PostalAddress
    ) -> None:
        carrier.verification = Verification(Finding.KNOWN, replace(address, postal_code="94111"))
        page = owner.give_address().content.decode()
        assert "The carrier has a different version of this address" in page
        assert "<mark>94111</mark>" in page
        assert not EncryptedDocument.objects.exists()

    @pytest.mark.parametrize("choice", ["theirs", "mine"])
    def test_it_can_be_accepted_or_overruled(
        self, owner: Claimant, carrier: Carrier, address: PostalAddress, choice: str, now: datetime
    ) -> None:
        carrier.verification = Verification(Finding.KNOWN, replace(address, postal_code="94111"))
        page = owner.give_address().content.decode()
        forms = [form for form in page.split("<form")[1:] if "postal_code" in form]
        shown = dict(re.findall(r'name="(\w+)"\s+value="(.*?)"', forms[0 if choice == "theirs" else 1]))
        shown["looked_at"] = "yes"
        assert owner.client.post("/claim/address/", shown).status_code == 302
        assert len(carrier.asked) == 1
        given = open_address(
            subject=Draft.objects.get().code, purpose=Purpose.SUPPORT, actor="staff", now=now
        )
        assert given.postal_code == {"theirs": "94111", "mine": "94104"}[choice]
        assert given.name == address.name

    def test_case_17_an_address_without_its_apartment_is_asked_about_and_can_be_kept(
        self, owner: Claimant, carrier: Carrier, now: datetime
    ) -> None:
        carrier.verification = Verification(Finding.KNOWN, is_incomplete=True)
        page = owner.give_address().content.decode()
        assert "needs a house or flat number" in page
        assert not EncryptedDocument.objects.exists()
        assert owner.give_address(looked_at="yes").status_code == 302
        assert len(carrier.asked) == 1
        assert EncryptedDocument.objects.exists()

    def test_what_is_chosen_is_checked_like_what_is_typed(self, owner: Claimant) -> None:
        assert owner.give_address(looked_at="yes", postal_code="nonsense").status_code == 422

    def test_no_answer_holds_nobody_up(self, owner: Claimant) -> None:
        assert owner.give_address().headers["Location"] == "/claim/review/"


class TestMyClaimsAddress:
    def test_it_is_shown_to_its_owner_and_logged(
        self, owner: Claimant, make_claim: MakeClaim, django_assert_max_num_queries: Any
    ) -> None:
        claim = make_claim("m-owner")
        with django_assert_max_num_queries(15):
            page = owner.client.get(f"/claims/{claim.code}/address/").content.decode()
        assert kept(page, "street1") == "417 Montgomery Street"

    def test_it_is_changed_until_the_label_is_begun(
        self, owner: Claimant, now: datetime, campaign: Campaign
    ) -> None:
        owner.give_address()
        owner.client.post("/claim/review/", owner.form())
        claim = only_claim()
        typed = {
            "name": "Robin",
            "street1": "1 Else Rd",
            "city": "Reno",
            "state": "NV",
            "postal_code": "89501",
        }
        answer = owner.client.post(f"/claims/{claim.code}/address/", typed, follow=True)
        assert "The parcel goes to the new address." in answer.content.decode()
        claim.label_started_at = now
        claim.save()
        answer = owner.client.post(f"/claims/{claim.code}/address/", typed | {"city": "Elko"}, follow=True)
        assert "too late to change" in answer.content.decode()
        kept_now = open_address(subject=claim.code, purpose=Purpose.SUPPORT, actor="staff", now=now)
        assert kept_now.city == "Reno"
