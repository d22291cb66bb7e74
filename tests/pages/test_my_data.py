"""My data: everything held is shown and handed out, what may go goes, and no one learns about anyone else."""

import html
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core import mail
from django.db import DatabaseError, models, transaction
from django.test import Client
from django.utils import translation

from common.invariants import verify_all
from config.models import User
from fulfillment.claims.models import Claim
from fulfillment.claims.services.shipment_callbacks import (
    record_delivered,
    record_shipped,
    start_label,
)
from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.recipients import mark_unreachable
from fulfillment.notices.secrets import link_token
from fulfillment.notices.services import queue_notice, send_notices
from fulfillment.privacy.data_inventory import ALL_SECTIONS, NOT_SHOWN, SECTIONS
from fulfillment.privacy.models import Erasure
from fulfillment.vault.models import DataKey, Opening
from fulfillment.vault.services import open_address
from roster.models import Account
from tests.conftest import MakeClaim, Roster

pytestmark = pytest.mark.django_db
SignedIn = Callable[[str], Client]


@pytest.fixture
def claim(make_claim: MakeClaim, stock: None) -> Claim:
    return make_claim()


def exported(client: Client) -> dict[str, Any]:
    answer = client.get("/me/data/export/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="keydesk-my-data.json"'
    document: dict[str, Any] = json.loads(answer.content)
    return document


def rows(document: dict[str, Any], section: str, table: str) -> list[dict[str, Any]]:
    (found,) = [one for one in document["sections"] if one["name"] == section]
    return list(found["rows"][table])


class TestThePage:
    def test_it_names_every_datum_with_its_reason_and_end(self, claim: Claim, signed_in: SignedIn) -> None:
        page = signed_in("m-owner").get("/me/data/").content.decode()
        for section in ALL_SECTIONS:
            for words in (section.title, section.why, section.until):
                assert str(words).replace("'", "&#x27;") in page
        assert claim.code in page

    def test_the_access_log_lists_each_opening(
        self, claim: Claim, signed_in: SignedIn, now: datetime
    ) -> None:
        assert "No one has opened it." in signed_in("m-owner").get("/me/data/").content.decode()
        for number, (purpose, actor) in enumerate(
            [("label", "system:shipping"), ("support", "staff:ops"), ("packing", "token:5")]
        ):
            open_address(
                subject=claim.code,
                purpose=Opening.Purpose(purpose),
                actor=actor,
                now=now + timedelta(hours=number),
            )
        page = " ".join(signed_in("m-owner").get("/me/data/").content.decode().split())
        for told in (
            "<strong>The shipping program</strong>: address, to buy or print the label",
            "<strong>Staff</strong>: address, to help you",
            "<strong>Staff</strong>: address, to pack the parcel",
        ):
            assert told in page
        # Who of the staff it was is for the audit, not for the claimant.
        assert "staff:ops" not in page

    def test_it_takes_a_fixed_number_of_queries(
        self, claim: Claim, signed_in: SignedIn, now: datetime, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(30):
            open_address(subject=claim.code, purpose=Opening.Purpose.LABEL, actor="system:x", now=now)
        client = signed_in("m-owner")
        with django_assert_max_num_queries(8):
            client.get("/me/data/")

    def test_staff_have_none(self) -> None:
        client = Client()
        client.force_login(User.objects.create(username="staff", is_staff=True))
        assert client.get("/me/data/").status_code == 403

    def test_somebody_whose_mail_bounces_is_told(
        self, roster: Roster, signed_in: SignedIn, now: datetime
    ) -> None:
        account = roster["m-owner"]
        assert "returned as undeliverable" not in signed_in("m-owner").get("/me/data/").content.decode()
        mark_unreachable(account_id=account.pk, email=account.email, now=now)
        assert "returned as undeliverable" in signed_in("m-owner").get("/me/data/").content.decode()


class TestTheExport:
    def test_it_holds_everything_each_with_its_reason(
        self, claim: Claim, signed_in: SignedIn, now: datetime
    ) -> None:
        send_notices(now=now)
        document = exported(signed_in("m-owner"))
        assert document["about"] == "m-owner"
        assert [section["name"] for section in document["sections"]] == [one.name for one in ALL_SECTIONS]
        assert all(section["why"] and section["until"] for section in document["sections"])
        (account,) = rows(document, "account", "roster.Account")
        assert account["email"] == "owner@example.org"
        (address,) = rows(document, "addresses", "addresses")
        assert (address["claim"], address["street1"]) == (claim.code, "417 Montgomery Street")
        assert sorted(key["model"] for key in rows(document, "keys", "keys")) == ["KD-A-NFC", "KD-C-NFC"]
        assert {key["claim"] for key in rows(document, "keys", "keys")} == {claim.code}
        (message,) = rows(document, "messages", "notices.Notice")
        assert "reserved for you" in message["body"]
        assert rows(document, "claims", "claims.Claim")[0]["code"] == claim.code
        assert rows(document, "decisions", "roster.Decision")[0]["outcome"] == "eligible"

    def test_opening_the_address_for_it_is_logged(self, claim: Claim, signed_in: SignedIn) -> None:
        client = signed_in("m-owner")
        exported(client)
        opening = Opening.objects.get()
        assert (opening.subject, opening.purpose) == (claim.code, "claimant")
        assert "<strong>You</strong>: address, to show it to you" in client.get("/me/data/").content.decode()

    def test_it_holds_nothing_of_anybody_else(
        self, claim: Claim, signed_in: SignedIn, make_claim: MakeClaim
    ) -> None:
        other = make_claim("m-second")
        text = json.dumps(exported(signed_in("m-owner")))
        for stranger in (other.code, "second@example.org", "m-second"):
            assert stranger not in text

    def test_the_api_gives_the_same(self, claim: Claim, signed_in: SignedIn) -> None:
        client = signed_in("m-owner")
        answer = client.get("/api/v1/me/data")
        assert answer.status_code == 200
        page, api = exported(client), answer.json()
        assert [one["name"] for one in page["sections"]] == [one["name"] for one in api["sections"]]
        assert rows(page, "addresses", "addresses") == rows(api, "addresses", "addresses")

    def test_who_is_not_signed_in_gets_nothing(self, claim: Claim) -> None:
        assert Client().get("/me/data/export/").status_code == 302
        assert Client().get("/api/v1/me/data").status_code == 401
        assert Client().delete("/api/v1/me/data").status_code == 401


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ja"])
def test_the_public_page_on_privacy_goes_by_the_same_list(client: Client, language: str) -> None:
    page = html.unescape(client.get("/privacy/", headers={"Accept-Language": language}).content.decode())
    with translation.override(language):
        for section in ALL_SECTIONS:
            for words in (section.title, section.why, section.until):
                assert str(words) in page
    assert "400" in page


def test_every_table_with_a_way_to_a_person_is_shown_or_says_why_not() -> None:
    """A new personal table that no one thought about fails here."""
    shown = {table.model for section in SECTIONS for table in section.tables}
    known = shown | set(NOT_SHOWN)
    reached: set[type[models.Model]] = {Account}
    while True:
        more = {
            model
            for model in apps.get_models()
            for field in model._meta.concrete_fields
            if field.remote_field and field.remote_field.model in reached
        } - reached
        if not more:
            break
        reached |= more
    assert sorted({model._meta.label for model in reached} - known) == []
    assert sorted(known - {model._meta.label for model in reached}) == []


class TestErasing:
    def test_it_asks_first_and_says_what_stays(self, claim: Claim, signed_in: SignedIn) -> None:
        page = signed_in("m-owner").get("/me/data/erase/").content.decode()
        for section in ALL_SECTIONS:
            assert str(section.title).replace("'", "&#x27;") in page
        assert Claim.objects.get().state == "accepted"

    def test_what_may_go_goes(self, claim: Claim, signed_in: SignedIn, now: datetime) -> None:
        Recipient.objects.create(account=claim.account, phrase="two green herons", language="de")
        send_notices(now=now)
        client = signed_in("m-owner")
        answer = client.post("/me/data/erase/")
        assert "Your data is erased" in answer.content.decode()
        assert Claim.objects.get().state == "cancelled"
        assert DataKey.objects.get().wrapped_key is None
        recipient = Recipient.objects.get()
        assert (recipient.phrase, recipient.language) == ("", "")
        assert {(notice.subject, notice.body) for notice in Notice.objects.all()} == {("", "")}
        assert not User.objects.filter(account=claim.account).exists()
        assert client.get("/me/data/").status_code == 302
        assert Account.objects.get(username="m-owner").opted_out_at == now
        assert verify_all().violations == []

    def test_nothing_is_mailed_after_it(self, claim: Claim, signed_in: SignedIn, now: datetime) -> None:
        signed_in("m-owner").post("/me/data/erase/")
        assert send_notices(now=now + timedelta(days=2)) == 0
        assert mail.outbox == []

    def test_a_parcel_under_way_keeps_its_address_and_says_how_long(
        self, claim: Claim, signed_in: SignedIn, now: datetime
    ) -> None:
        start_label(claim_id=claim.pk, now=now)
        record_shipped(claim, carrier="USPS", tracking_code="1", now=now)
        client = signed_in("m-owner")
        client.post("/me/data/erase/")
        key = DataKey.objects.get()
        assert key.wrapped_key is not None
        assert key.shred_after == now + timedelta(days=90)

    def test_a_parcel_that_arrived_needs_no_address(
        self, claim: Claim, signed_in: SignedIn, now: datetime
    ) -> None:
        start_label(claim_id=claim.pk, now=now)
        record_shipped(claim, carrier="USPS", tracking_code="1", now=now)
        record_delivered(claim, now=now)
        signed_in("m-owner").post("/me/data/erase/")
        assert DataKey.objects.get().wrapped_key is None
        assert Claim.objects.get().state == "delivered"

    def test_the_api_does_the_same_and_says_what_stays(self, claim: Claim, signed_in: SignedIn) -> None:
        client = signed_in("m-owner")
        answer = client.delete("/api/v1/me/data")
        assert answer.status_code == 200
        document = answer.json()
        assert document["erased"]["claims_cancelled"] == 1
        assert {stays["name"] for stays in document["stays"]} == {
            section.name for section in ALL_SECTIONS if not section.erasable
        }
        assert client.get("/api/v1/me/data").status_code == 401

    def test_nobody_elses_is_touched(
        self, claim: Claim, make_claim: MakeClaim, signed_in: SignedIn, now: datetime
    ) -> None:
        other = make_claim("m-second")
        signed_in("m-owner").post("/me/data/erase/")
        other.refresh_from_db()
        assert other.state == "accepted"
        assert Account.objects.get(username="m-second").opted_out_at is None
        assert Notice.objects.filter(account=other.account, failed_at=None).exists()

    def test_that_it_was_done_stays(self, claim: Claim, signed_in: SignedIn) -> None:
        signed_in("m-owner").post("/me/data/erase/")
        assert Erasure.objects.get().counts["addresses_shredded"] == 1
        with pytest.raises(DatabaseError), transaction.atomic():
            Erasure.objects.all().delete()


class TestMyPhrase:
    def test_it_is_kept_and_can_be_taken_back(self, roster: Roster, signed_in: SignedIn) -> None:
        client = signed_in("m-owner")
        client.post("/me/data/phrase/", {"phrase": "two green herons"})
        assert 'value="two green herons"' in client.get("/me/data/").content.decode()
        client.post("/me/data/phrase/", {"phrase": ""})
        assert Recipient.objects.get().phrase == ""

    @pytest.mark.parametrize("typed", ["short", "x" * 10_000, "a\x00bcdefghij", "gr\u202eeen herons"])
    def test_what_cannot_be_used_is_said_beside_it_and_kept(
        self, roster: Roster, signed_in: SignedIn, typed: str
    ) -> None:
        answer = signed_in("m-owner").post("/me/data/phrase/", {"phrase": typed})
        assert answer.status_code == 422
        assert 'id="id_phrase_error"' in answer.content.decode()
        assert not Recipient.objects.exists()


class TestNoThanks:
    def test_one_can_be_left_out_and_come_back(
        self, roster: Roster, signed_in: SignedIn, now: datetime
    ) -> None:
        client = signed_in("m-owner")
        client.post("/me/data/contact/", {"wanted": "no"})
        assert Account.objects.get(username="m-owner").opted_out_at == now
        assert "Rejoin the programme" in client.get("/me/data/").content.decode()
        # Nothing but the word of the button brings someone back.
        client.post("/me/data/contact/", {"wanted": "maybe"})
        assert Account.objects.get(username="m-owner").opted_out_at == now
        client.post("/me/data/contact/", {"wanted": "yes"})
        assert Account.objects.get(username="m-owner").opted_out_at is None

    def test_the_link_in_an_invitation_asks_and_then_does_it(
        self, roster: Roster, campaign: Any, now: datetime
    ) -> None:
        account = roster["m-owner"]
        queue_notice(
            account_id=account.pk,
            template=Notice.Template.INVITATION,
            context={
                "projects": ["keystone-lib"],
                "quantity": 2,
                "sponsor": "Example",
                "closes_at": "2022-10-03T00:00:00+00:00",
            },
            now=now + timedelta(days=7),
        )
        link = f"/me/no-thanks/{link_token(account.pk)}/"
        client = Client(enforce_csrf_checks=True)
        assert "Leave the programme?" in client.get(link).content.decode()
        assert Account.objects.get(pk=account.pk).opted_out_at is None
        # As mail programs do it (RFC 8058).
        assert client.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert Account.objects.get(pk=account.pk).opted_out_at == now
        assert Notice.objects.get().failed_at == now

    @pytest.mark.parametrize("token", ["4711", "x" * 32, "AAAA", "%00", "é"])
    def test_a_link_we_did_not_make_is_unknown(self, roster: Roster, token: str) -> None:
        assert Client().post(f"/me/no-thanks/{token}/").status_code == 404

    def test_a_link_says_nothing_about_whose_it_is(self, roster: Roster) -> None:
        link = f"/me/no-thanks/{link_token(roster['m-owner'].pk)}/"
        for page in (Client().get(link), Client().post(link)):
            assert "m-owner" not in page.content.decode()
            assert "owner@" not in page.content.decode()


class TestTheLanguage:
    def test_it_is_switched_and_remembered_for_mails(self, roster: Roster, signed_in: SignedIn) -> None:
        client = signed_in("m-owner")
        answer = client.post("/me/language/", {"language": "fr", "next": "/me/data/"})
        assert answer.headers["Location"] == "/me/data/"
        assert '<html lang="fr">' in client.get("/me/data/").content.decode()
        assert Recipient.objects.get().language == "fr"

    def test_a_visitor_needs_no_sign_in_for_it_and_gets_no_other_cookie(self, campaign: Any) -> None:
        client = Client(enforce_csrf_checks=True)
        client.get("/")
        assert not client.cookies
        client.post("/me/language/", {"language": "ja"})
        assert '<html lang="ja">' in client.get("/").content.decode()
        assert set(client.cookies) == {settings.LANGUAGE_COOKIE_NAME}

    @pytest.mark.parametrize("language", ["xx", "", "../de", "x" * 5_000])
    def test_one_we_do_not_have_changes_nothing(
        self, roster: Roster, signed_in: SignedIn, language: str
    ) -> None:
        client = signed_in("m-owner")
        client.post("/me/language/", {"language": language})
        assert '<html lang="en">' in client.get("/me/data/").content.decode()
        assert not Recipient.objects.exists()

    def test_the_browsers_own_language_is_taken(self, campaign: Any) -> None:
        page = Client().get("/", headers={"Accept-Language": "es-MX,es;q=0.9,en;q=0.8"})
        assert '<html lang="es">' in page.content.decode()

    def test_it_leads_nowhere_else(self) -> None:
        answer = Client().post("/me/language/", {"language": "de", "next": "https://example.net/"})
        assert answer.headers["Location"] == "/"
