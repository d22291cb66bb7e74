"""Words: staff's texts on public pages and in mails, mails looked at in each language and tried out."""

import html
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation

from common import clock
from config.custom_content import PAGE_SLOTS, WrittenText, write_texts
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.claims.models import Campaign
from fulfillment.notices.examples import example_notice
from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.rendering import compose_email
from tests.desk.conftest import StaffWith


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now):
        yield


@pytest.fixture
def client(staff_with: StaffWith) -> Client:
    return staff_with(Role.MANAGER)


def seen_on(page: str) -> str:
    (found,) = re.findall(r'name="seen" value="([^"]*)"', page)
    return html.unescape(found)


def put(client: Client, slot: str, seen: str = "", **texts: str) -> Any:
    url = f"/desk/programme/words/{slot}/"
    seen = seen or seen_on(client.get(url).content.decode())
    return client.post(url, {"seen": seen, **texts})


ON_PAGES = [
    ("home", "/"),
    ("questions", "/questions/"),
    ("eligibility", "/eligibility/"),
    ("countries", "/countries/"),
    ("privacy", "/privacy/"),
    ("our_mail", "/our-mail/"),
]


@pytest.mark.parametrize("slot", [slot.name for slot in PAGE_SLOTS])
def test_every_place_on_a_page_shows_what_staff_write(slot: str, campaign: Campaign, client: Client) -> None:
    (path,) = [path for page, path in ON_PAGES if slot.startswith(f"{page}.")]
    hostile = "<script>alert(1)</script> Parcels wait\n\nuntil Monday."
    assert put(client, slot, en=hostile).status_code == 302
    page = Client().get(path).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Parcels wait</p>" in page
    assert "<p>until Monday.</p>" in page
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == ("text_written", slot)
    assert (entry.before, entry.after) == ({"en": ""}, {"en": hostile})
    # Emptied, it is gone from the page, and on record as it was.
    assert put(client, slot, en="").status_code == 302
    assert "until Monday" not in Client().get(path).content.decode()
    assert AuditEntry.objects.order_by("-position")[0].before == {"en": hostile}


def test_each_language_has_its_own_and_english_where_there_is_none(
    campaign: Campaign, client: Client
) -> None:
    put(client, "home.announcement", en="Parcels wait.", de="Pakete warten.")

    def shown(language: str) -> str:
        return Client(headers={"Accept-Language": language}).get("/").content.decode()

    assert "Pakete warten." in shown("de")
    assert "Parcels wait." in shown("en")
    assert "Parcels wait." in shown("fr")


def test_it_is_shown_before_it_is_put_there(campaign: Campaign, client: Client) -> None:
    url = "/desk/programme/words/home.lead/"
    seen = seen_on(client.get(url).content.decode())
    page = client.post(url, {"seen": seen, "en": "A key for you.", "do": "show"}).content.decode()
    assert "<p>A key for you.</p>" in page
    assert not WrittenText.objects.exists()


def test_a_form_of_yesterday_overwrites_nothing(
    campaign: Campaign, client: Client, staff_with: StaffWith
) -> None:
    url = "/desk/programme/words/home.more/"
    seen = seen_on(client.get(url).content.decode())
    assert put(staff_with(Role.MANAGER, username="kim"), "home.more", en="Kim's.").status_code == 302
    answer = put(client, "home.more", seen, en="Robin's.")
    assert (answer.status_code, "Someone else has changed" in answer.content.decode()) == (409, True)
    assert put(client, "home.more", "forged", en="Robin's.").status_code == 422
    assert WrittenText.objects.get().text == "Kim's."


def test_texts_are_never_changed_nor_deleted(db: None, now: datetime) -> None:
    from django.db import DatabaseError, transaction

    write_texts(slot="home.more", texts={"en": "One."}, seen={}, actor="staff:robin", now=now)
    for change in (
        lambda: WrittenText.objects.update(text="Two."),
        lambda: WrittenText.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_mail_says_what_staff_add_and_leads_nowhere_else(client: Client) -> None:
    assert put(client, "mail.shipped", en="See https://elsewhere.example/x").status_code == 422
    assert put(client, "mail.shipped", en="Customs are slow this week.").status_code == 302
    for language in ("en", "de"):
        letter = compose_email(example_notice(Notice.Template.SHIPPED), Recipient(language=language)).message
        assert letter.paragraphs[-1] == "Customs are slow this week."
    other = compose_email(example_notice(Notice.Template.DELIVERED), Recipient(language="en")).message
    assert "Customs are slow this week." not in other.paragraphs


@pytest.mark.parametrize("template", list(Notice.Template))
def test_every_mail_is_looked_at_in_every_language(template: Notice.Template, client: Client) -> None:
    page = client.get(f"/desk/programme/mails/{template}/").content.decode()
    for language in ("en", "de", "fr", "es", "ja"):
        subject = compose_email(example_notice(template), Recipient(language=language)).email.subject
        assert html.escape(str(subject)) in page
    alone = client.get(f"/desk/programme/mails/{template}/de/")
    assert 'lang="de"' in alone.content.decode()
    assert "sandbox" in alone["Content-Security-Policy"]
    assert translation.get_language() in (None, "en")


def test_a_test_goes_to_whoever_asks_and_nobody_else(client: Client) -> None:
    answer = client.post("/desk/programme/mails/shipped/try/", {"language": "de", "to": "x@example.net"})
    assert answer.status_code == 302
    (sent,) = mail.outbox
    assert sent.to == ["robin@example.org"]
    assert sent.subject.startswith("[Test] ")
    assert not Notice.objects.exists()
    assert AuditEntry.objects.get().after == {"language": "de"}
    client.post("/desk/programme/mails/shipped/try/", {"language": "xx"})
    assert len(mail.outbox) == 1


def test_a_mail_server_that_refuses_is_said_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", refuse)
    answer = client.post("/desk/programme/mails/shipped/try/", {"language": "en"}, follow=True)
    assert "The mail server did not accept the email" in answer.content.decode()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "path", ["words/nowhere/", "words/mail.nothing/", "mails/nothing/", "mails/code/xx/"]
)
def test_what_there_is_not_is_not_found(path: str, client: Client) -> None:
    assert client.get(f"/desk/programme/{path}").status_code == 404
