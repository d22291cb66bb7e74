"""Messages: queued with their cause, mailed once, multipart, with links of one host."""

import re
from datetime import UTC, datetime, timedelta
from email.message import Message
from smtplib import SMTPServerDisconnected
from typing import Any, cast

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from fulfillment.notices.models import Notice
from fulfillment.notices.services import (
    FIRST_PAUSE,
    MAX_ATTEMPTS,
    queue_notice,
    send_notice,
    send_notices,
)
from tests.conftest import Roster

pytestmark = pytest.mark.django_db
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
CONTEXT = {
    "quantity": 2,
    "place": 3,
    "note": "Nobody's account.",
    "carrier": "USPS",
    "tracking_code": "9400100000000000000001",
    "problem": "the parcel is on its way back to us",
}


def queue(roster: Roster, template: Notice.Template = Notice.Template.CONFIRMED) -> Notice:
    queue_notice(
        account_id=roster["m-owner"].pk, template=template, claim_code="C-1", context=CONTEXT, now=NOW
    )
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
        assert "http://testserver/claims/C-1/" in text
        assert set(re.findall(r"https?://([^/\s\"<]+)", text)) == {"testserver"}
    assert "{{" not in parts["text/plain"]
    assert "C-1" in message.subject
    assert "\n" not in message.subject
    assert "&#" not in parts["text/plain"]


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
