"""Messages: queued with their cause, mailed once, multipart, with links of one host."""

import re
from datetime import UTC, datetime, timedelta
from email.message import Message
from smtplib import SMTPServerDisconnected
from typing import Any, cast

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, transaction
from django.utils.html import escape
from procrastinate.contrib.django.models import ProcrastinateJob

from common.errors import BadRequest
from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.recipients import choose_phrase
from fulfillment.notices.rendering import UNSOLICITED, compose_email
from fulfillment.notices.services import (
    CODE_GOOD_FOR,
    FIRST_PAUSE,
    MAX_ATTEMPTS,
    queue_code,
    send_notice,
    send_notices,
)
from tests.conftest import Roster
from tests.fulfillment.notices.examples import queue_example

pytestmark = pytest.mark.django_db
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)


def queue(roster: Roster, template: Notice.Template = Notice.Template.CONFIRMED) -> Notice:
    queue_example(template, account_id=roster["m-owner"].pk, claim_code="C-1", now=NOW)
    return Notice.objects.get(template=template)


def parts_of(message: mail.EmailMessage) -> dict[str, str]:
    parts = cast(list[Message], message.message().get_payload())
    return {part.get_content_type(): cast(bytes, part.get_payload(decode=True)).decode() for part in parts}


@pytest.mark.parametrize("template", list(Notice.Template))
def test_every_mail_says_the_same_as_text_and_as_html(roster: Roster, template: Notice.Template) -> None:
    send_notice(notice_id=queue(roster, template).pk, now=NOW)
    (message,) = mail.outbox
    parts = parts_of(message)
    assert set(parts) == {"text/plain", "text/html"}
    for text in parts.values():
        assert "m-owner" in text
        # A code is typed where it was asked for: its mail has no link to be forged.
        hosts = set() if template == Notice.Template.CODE else {"testserver"}
        assert set(re.findall(r"https?://([^/\s\"<]+)", text)) == hosts
    composed = compose_email(Notice.objects.get(), None).message if template != Notice.Template.CODE else None
    for said in (*composed.paragraphs, *composed.steps, composed.action) if composed else ():
        assert said in parts["text/plain"]
        assert escape(said) in parts["text/html"]
    assert "{" not in parts["text/plain"]
    assert "\n" not in message.subject
    assert "&#" not in parts["text/plain"]


@pytest.mark.parametrize("template", list(Notice.Template))
def test_no_mail_asks_for_a_secret(roster: Roster, template: Notice.Template) -> None:
    """The words stand in one sentence only: the one that says we never ask for them."""
    send_notice(notice_id=queue(roster, template).pk, now=NOW)
    for text in parts_of(mail.outbox[0]).values():
        assert re.findall(r"[^.]*\b(?:password|passphrase|PIN)\b[^.]*\.", text) == [
            sentence
            for sentence in re.findall(r"[^.]*\bpassword\b[^.]*\.", text)
            if "We never ask for" in sentence
        ]


@pytest.mark.parametrize("template", list(Notice.Template))
def test_every_mail_shows_the_recipients_phrase(roster: Roster, template: Notice.Template) -> None:
    notice = queue(roster, template)
    choose_phrase(account_id=roster["m-owner"].pk, phrase="two  green <herons>")
    send_notice(notice_id=notice.pk, now=NOW)
    parts = parts_of(mail.outbox[0])
    assert "Your phrase: two green <herons>" in parts["text/plain"]
    assert "Your phrase: two green &lt;herons&gt;" in parts["text/html"]
    notice.refresh_from_db()
    assert "herons" not in notice.body


def test_who_has_chosen_no_phrase_is_told_how(roster: Roster) -> None:
    send_notice(notice_id=queue(roster).pk, now=NOW)
    assert "You have not chosen a phrase yet" in str(mail.outbox[0].body)


@pytest.mark.parametrize(
    ("phrase", "code"),
    [("short", "too_short"), ("x" * 61, "too_long"), ("two gre\u202een herons", "bad_character")],
)
def test_a_phrase_that_would_not_help_is_refused(roster: Roster, phrase: str, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        choose_phrase(account_id=roster["m-owner"].pk, phrase=phrase)
    assert [error.code for error in caught.value.errors] == [code]
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("template", sorted(UNSOLICITED))
def test_what_nobody_asked_for_says_how_to_say_no(roster: Roster, template: Notice.Template) -> None:
    send_notice(notice_id=queue(roster, template).pk, now=NOW)
    (message,) = mail.outbox
    link = re.findall(r"http://testserver(/me/no-thanks/\S+)", str(message.body))[0]
    assert message.extra_headers["List-Unsubscribe"] == f"<http://testserver{link}>"
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_code_is_mailed_and_kept_nowhere(roster: Roster) -> None:
    queue_code(account_id=roster["m-owner"].pk, code="123456", now=NOW)
    notice = Notice.objects.get()
    assert b"123456" not in bytes(notice.secret or b"")
    assert send_notices(now=NOW) == 1
    assert "123456" in str(mail.outbox[0].body)
    notice.refresh_from_db()
    assert notice.secret is None
    assert "123456" not in notice.body + notice.subject + str(notice.context) + notice.key


def test_a_code_that_is_too_old_is_not_mailed(roster: Roster) -> None:
    queue_code(account_id=roster["m-owner"].pk, code="123456", now=NOW)
    assert send_notices(now=NOW + CODE_GOOD_FOR) == 0
    notice = Notice.objects.get()
    assert (notice.failed_at, notice.secret) == (NOW + CODE_GOOD_FOR, None)


def test_the_database_keeps_no_secret_of_a_mail_that_left(roster: Roster) -> None:
    queue_code(account_id=roster["m-owner"].pk, code="123456", now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.update(sent_at=NOW)


def test_it_is_kept_with_subject_and_text_but_without_the_address(roster: Roster) -> None:
    notice = queue(roster)
    assert send_notice(notice_id=notice.pk, now=NOW) is True
    notice.refresh_from_db()
    assert notice.sent_at == NOW
    assert notice.subject == mail.outbox[0].subject
    assert mail.outbox[0].to == ["owner@example.org"]
    assert "owner@example.org" not in notice.subject + notice.body


def test_it_is_mailed_once(roster: Roster) -> None:
    notice = queue(roster)
    assert [send_notice(notice_id=notice.pk, now=NOW) for _ in range(3)] == [True, False, False]
    assert len(mail.outbox) == 1


def test_the_same_thing_is_said_once(roster: Roster, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        queue(roster)
        queue(roster)
    assert Notice.objects.count() == 1


def test_any_number_of_notices_is_one_job(roster: Roster, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for template in Notice.Template:
            queue(roster, template)
    job = ProcrastinateJob.objects.get()
    assert (job.task_name, job.args) == ("notices.send_notices", {"timestamp": 0})
    assert send_notices(now=NOW) == len(Notice.Template)
    assert len(mail.outbox) == len(Notice.Template)


def test_nothing_is_said_when_its_cause_is_rolled_back(roster: Roster) -> None:
    with transaction.atomic():
        queue(roster)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()
    assert not ProcrastinateJob.objects.exists()


def test_a_mail_that_could_not_leave_is_tried_again_after_a_pause(
    roster: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = queue(roster)
    with monkeypatch.context() as offline:
        offline.setattr(EmailBackend, "send_messages", _refuse)
        with pytest.raises(SMTPServerDisconnected):
            send_notice(notice_id=notice.pk, now=NOW)
    assert send_notice(notice_id=notice.pk, now=NOW + FIRST_PAUSE / 2) is False
    assert send_notice(notice_id=notice.pk, now=NOW + FIRST_PAUSE) is True
    assert len(mail.outbox) == 1


def test_one_mail_that_cannot_leave_holds_up_no_other(
    roster: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for template in (Notice.Template.CONFIRMED, Notice.Template.SHIPPED):
        queue(roster, template)
    deliver = EmailBackend.send_messages

    def refuse_the_first(backend: EmailBackend, messages: list[mail.EmailMessage]) -> Any:
        if "reserved" in messages[0].subject:
            raise SMTPServerDisconnected
        return deliver(backend, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_the_first)
    assert send_notices(now=NOW) == 1
    assert [notice.template for notice in Notice.objects.filter(sent_at=None)] == ["confirmed"]


def test_a_mail_that_never_leaves_counts_as_failed(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    queue(roster)
    monkeypatch.setattr(EmailBackend, "send_messages", _refuse)
    for day in range(MAX_ATTEMPTS + 5):
        send_notices(now=NOW + timedelta(days=day))
    notice = Notice.objects.get()
    assert (notice.attempts, notice.failed_at) == (MAX_ATTEMPTS, NOW + timedelta(days=MAX_ATTEMPTS - 1))


def test_two_workers_do_not_mail_the_same_notice(roster: Roster) -> None:
    """Whoever put it off mails it; if that process died, it is due again after the pause."""
    notice = queue(roster)
    Notice.objects.update(attempts=1, due_at=NOW + FIRST_PAUSE)
    assert send_notice(notice_id=notice.pk, now=NOW + timedelta(minutes=1)) is False
    assert send_notice(notice_id=notice.pk, now=NOW + FIRST_PAUSE) is True


def test_a_repeat_has_the_same_message_id(roster: Roster) -> None:
    notice = queue(roster)
    send_notice(notice_id=notice.pk, now=NOW)
    Notice.objects.update(sent_at=None, due_at=NOW)
    send_notice(notice_id=notice.pk, now=NOW)
    first, second = mail.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]


def _refuse(*args: Any, **kwargs: Any) -> None:
    raise SMTPServerDisconnected
