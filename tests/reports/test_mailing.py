"""The monthly mail: the published report as PDF, once to each subscriber."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from fulfillment.claims.models import Campaign
from reports.models import Mailing
from reports.public.mailing import mail_monthly_report

FIRST = datetime.fromisoformat("2022-09-01T06:10:00Z")


@pytest.fixture(autouse=True)
def _subscribers(settings: Any) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
        update={"report_subscribers": ("one@example.org", "two@example.org")}
    )


def test_each_subscriber_gets_it_once(programme: Campaign) -> None:
    assert mail_monthly_report(now=FIRST) == 2
    assert mail_monthly_report(now=FIRST + timedelta(days=1)) == 0
    assert [message.to for message in mail.outbox] == [["one@example.org"], ["two@example.org"]]
    message = mail.outbox[0]
    assert "as of 2022-09-01" in message.subject
    assert "http://testserver/stats/keys-2022/" in message.body
    name, content, kind = message.attachments[0]
    assert (name, kind) == ("keys-redeemed-keys-2022-2022-09.pdf", "application/pdf")
    assert content.startswith(b"%PDF")
    assert not Mailing.objects.filter(recipient__contains="@").exists()


def test_a_mail_that_did_not_leave_is_tried_again(
    programme: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise ConnectionError("no mail today")

    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMessage.send", down)
        with pytest.raises(ConnectionError):
            mail_monthly_report(now=FIRST)
    assert mail_monthly_report(now=FIRST + timedelta(days=1)) == 2


def test_a_campaign_long_over_is_not_reported_any_more(programme: Campaign) -> None:
    assert mail_monthly_report(now=datetime.fromisoformat("2023-06-01T06:10:00Z")) == 0
