"""Every field of the claimant's side, with everything people and programs put into fields.

Each either takes it as it is, and shows it again as text, or says beside the field what is wrong, keeps what
was typed and stores nothing. The fields of an address have their own table in test_address_form.py.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from django.db import transaction
from django.db.models import Model
from django.test import Client

from fulfillment.cases.models import Case
from fulfillment.claims.models import Claim, Region
from fulfillment.notices.models import Recipient
from fulfillment.postage import gateways
from fulfillment.shipments.carrier_values import NOT_ASKED, Verification
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.models import EncryptedDocument
from roster.models import Account, AccountEvent, Appeal, Delegation
from tests.browser import mailed_code
from tests.conftest import MakeClaim
from tests.pages.claiming import Claimant
from tests.pages.parcels import sealed_and_sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("campaign", "stock", "roster")]

SignedIn = Callable[[str], Client]
NASTY = {
    "nothing": "",
    "spaces": "   ",
    "ten thousand characters": "x" * 10_000,
    "a control character": "Robin\x07 one two",
    "a null": "Robin\x00 one two",
    "a right-to-left override": "Robin \u202eeno owt",
    "HTML": "<script>alert(1)</script>",
    "an emoji": "🔑 one two three",
    "a formula": "=HYPERLINK(1)",
    "another script": "山田 花子 千代田区",
}
ALL = frozenset(NASTY)
MISSING = frozenset({"nothing", "spaces"})
UNFIT = frozenset({"ten thousand characters", "a control character", "a null", "a right-to-left override"})


def each_undone() -> Iterator[str]:
    """What is put into a field, one after another; what each one did is undone."""
    for what in NASTY:
        # No block of its own: services that end theirs for good would refuse to stand in it.
        before = transaction.savepoint()
        yield what
        transaction.savepoint_rollback(before)


@dataclass(frozen=True)
class Field:
    """One field: where it is sent, with what beside it, what of the list it refuses, and what it would store."""

    who: str
    path: str
    name: str
    refuses: frozenset[str]
    stores: type[Model]
    beside: Mapping[str, str] = field(default_factory=dict)
    # Choices cannot show again what is none of them.
    keeps: bool = True


FIELDS = {
    "country of the claim": Field("m-owner", "/claim/", "country", ALL, Claim, keeps=False),
    "phrase": Field("m-owner", "/me/data/phrase/", "phrase", UNFIT, Recipient),
    "what to look at again": Field(
        "m-guarded", "/me/standing/appeals/", "rule", ALL, Appeal, {"text": "It broke."}, keeps=False
    ),
    "what we should know": Field(
        "m-guarded", "/me/standing/appeals/", "text", MISSING | UNFIT, Appeal, {"rule": "two_factor"}
    ),
    "project to name for": Field(
        "m-org", "/me/standing/people/", "project", ALL, Delegation, {"username": "m-second"}, keeps=False
    ),
    "person to name": Field(
        "m-org", "/me/standing/people/", "username", ALL, Delegation, {"project": "keystone-lib"}
    ),
    "country one lives in": Field(
        "m-owner", "/me/standing/where/", "country", ALL - {"nothing"}, AccountEvent, keeps=False
    ),
    "time zone": Field("m-owner", "/me/standing/where/", "time_zone", ALL - MISSING, AccountEvent),
}


def shown_again(page: str, typed: str) -> bool:
    """Whether the text stands in a field of the page, escaped."""
    kept = html.escape(typed.strip() if typed.strip() else typed, quote=True)
    return kept in page


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_takes_it_or_says_beside_it_what_is_wrong(name: str, signed_in: SignedIn) -> None:
    asked = FIELDS[name]
    client = signed_in(asked.who)
    for what in each_undone():
        before = asked.stores.objects.count()  # type: ignore[attr-defined]  # a model has objects
        answer = client.post(asked.path, {**asked.beside, asked.name: NASTY[what]})
        if what not in asked.refuses:
            assert answer.status_code == 302, what
            page = client.get(answer.headers["Location"]).content.decode()
            assert "<script>alert" not in page
            continue
        page = answer.content.decode()
        assert answer.status_code == 422, what
        assert "<script>alert" not in page
        assert f'id="id_{asked.name}_error"' in page, what
        assert asked.stores.objects.count() == before, what  # type: ignore[attr-defined]
        if asked.keeps and what not in MISSING | {"a null"}:
            assert shown_again(page, NASTY[what]), what
        for other, value in asked.beside.items():
            assert re.search(rf'(value="{value}"( selected)?|>\s*{re.escape(value)})', page), (what, other)


def test_what_is_wrong_with_a_parcel_is_one_of_the_list(
    signed_in: SignedIn, make_claim: MakeClaim, now: datetime
) -> None:
    claim = make_claim("m-owner")
    sealed_and_sent(claim, now=now)
    client = signed_in("m-owner")
    for what in each_undone():
        answer = client.post(f"/claims/{claim.code}/report/", {"trouble": NASTY[what]})
        assert answer.status_code == 422, what
        assert 'role="alert"' in answer.content.decode()
        assert not Case.objects.exists()


class Silent:
    """A carrier that is not asked."""

    def verify_address(self, address: PostalAddress) -> Verification:
        return NOT_ASKED


@pytest.fixture
def owner(signed_in: SignedIn, address: PostalAddress, monkeypatch: pytest.MonkeyPatch) -> Claimant:
    monkeypatch.setattr(gateways, "address_verifier", Silent)
    return Claimant(signed_in("m-owner"), address)


JAPANESE = {
    "name": "山田 花子",
    "street1": "千代田 1-1",
    "city": "",
    "state": "東京都",
    "postal_code": "100-0001",
    "phone": "+81 3 5555 0100",
    "latin_name": "Hanako Yamada",
    "latin_street1": "1-1 Chiyoda",
}
# Beside the label's other parts: what only some countries ask for.
OF_SOME_COUNTRIES = {
    "phone": MISSING | UNFIT | {"HTML", "an emoji", "a formula", "another script"},
    "tax_id": MISSING | UNFIT,
    "latin_name": MISSING | UNFIT | {"another script"},
    "latin_street1": MISSING | UNFIT | {"another script"},
}


@pytest.mark.parametrize("name", OF_SOME_COUNTRIES)
def test_what_only_some_countries_ask_for(name: str, owner: Claimant) -> None:
    Region.objects.filter(country="JP").update(tax_id_required=True)
    owner.choose_country("JP")
    owner.choose_keys()
    for what in each_undone():
        answer = owner.client.post("/claim/address/", {**JAPANESE, "tax_id": "JP1234", name: NASTY[what]})
        page = answer.content.decode()
        assert "<script>alert" not in page
        if what not in OF_SOME_COUNTRIES[name]:
            assert answer.status_code == 302, what
            assert "<script>alert" not in owner.look_over().content.decode()
            continue
        assert answer.status_code == 422, what
        assert f'id="id_{name}_error"' in page, what
        assert 'value="100-0001"' in page
        assert not EncryptedDocument.objects.exists()


@pytest.mark.parametrize("name", ["draft", "agreed", "when_short"])
def test_what_the_last_form_carries_along(name: str, owner: Claimant) -> None:
    """No one types these; whoever does makes no claim on other terms than were shown."""
    form = owner.prepare()
    for what in each_undone():
        answer = owner.client.post("/claim/review/", form | {name: NASTY[what]})
        if name == "when_short":
            # With enough in stock there is nothing to choose.
            assert answer.status_code == 302
            assert Claim.objects.get().state == "accepted"
            continue
        assert answer.status_code == (302 if name == "draft" else 409), what
        assert "417 Montgomery Street" in owner.look_over().content.decode()
        assert not Claim.objects.exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/countries/", "country"),
        ("/claim/", "country"),
        ("/claim/keys/", "port"),
        ("/projects/", "q"),
        ("/sign-in/login/code/", "next"),
        ("/sign-in/login/", "next"),
    ],
)
def test_what_stands_in_an_address_bar(path: str, name: str, owner: Claimant) -> None:
    owner.choose_country()
    client = owner.client if path.startswith("/claim") else Client()
    for what in each_undone():
        answer = client.get(path, {name: NASTY[what]})
        assert answer.status_code in (200, 302, 422), what
        page = answer.content.decode()
        assert "<script>alert" not in page
        if path == "/countries/":
            assert answer.status_code == 422, what
            assert 'id="id_country_error"' in page


def test_an_address_to_sign_in_by() -> None:
    for what in each_undone():
        answer = Client().post("/sign-in/login/code/", {"email": NASTY[what]})
        page = answer.content.decode()
        assert answer.status_code == 200, what
        assert 'id="id_email_error"' in page, what
        assert "<script>alert" not in page
        if what not in MISSING | {"a null"}:
            assert shown_again(page, NASTY[what]), what


def test_after_ten_wrong_codes_the_right_one_is_worth_nothing() -> None:
    """Five end a code and the way back is another; none of the pages says more than that."""
    client = Client()
    client.post("/sign-in/login/code/", {"email": "owner@example.org"})
    code = mailed_code()
    wrong = "000000" if code != "000000" else "111111"
    pages = [client.post("/sign-in/login/code/confirm/", {"code": wrong}) for _ in range(10)]
    assert pages[0].status_code == 200
    assert 'id="id_code_error"' in pages[0].content.decode()
    assert all(page.status_code in (200, 302) for page in pages)
    client.post("/sign-in/login/code/confirm/", {"code": code})
    assert client.get("/me/data/").status_code == 302
    # And there is a way on: asking again leads to a page that takes the next code.
    assert client.get("/sign-in/login/code/").status_code == 200


def test_switches_know_only_their_own_words(owner: Claimant) -> None:
    """What is chosen by buttons: a word that no button has changes nothing for the worse."""
    account = Account.objects.get(username="m-owner")
    project = account.roles.get().project_id
    for what in each_undone():
        owner.client.post("/me/data/contact/", {"wanted": NASTY[what]})
        owner.client.post("/me/language/", {"language": NASTY[what], "next": NASTY[what]})
        owner.client.post(f"/me/standing/projects/{project}/", {"said": NASTY[what]})
        account.refresh_from_db()
        assert (account.opted_out_at, account.do_not_contact_since) == (None, None)
        assert '<html lang="en">' in owner.client.get("/me/data/").content.decode()
        assert "You may claim, m-owner" in owner.client.get("/claim/").content.decode()
