"""Bounces: the provider's real client sends, its signed report marks the address, nothing more goes there."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, transaction
from django.test import Client

from common import clock
from fulfillment.notices.models import Bounce, Notice, Recipient
from fulfillment.notices.services import FIRST_PAUSE, queue_notice, send_notices
from tests.conftest import Roster

pytestmark = pytest.mark.django_db
NOW = datetime(2022, 7, 11, 12, tzinfo=UTC)
SECRET = "provider:long-secret"
REPORTS = "/webhooks/mail/postmark/tracking/"


class Provider(BaseHTTPRequestHandler):
    """Speaks as much of Postmark's HTTP as a mail needs: takes each, under an id of its own."""

    taken: list[dict[str, Any]] = []
    fails = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if Provider.fails:
            Provider.fails -= 1
            self._answer(503, {"ErrorCode": 100, "Message": "Maintenance"})
            return
        assert self.headers["X-Postmark-Server-Token"] == "token"
        Provider.taken.append(body)
        message_id = f"00000000-0000-0000-0000-{len(Provider.taken):012}"
        self._answer(200, {"To": body["To"], "MessageID": message_id, "ErrorCode": 0, "Message": "OK"})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def provider(settings: LazySettings, roster: Roster) -> Iterator[type[Provider]]:
    Provider.taken, Provider.fails = [], 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {
        "POSTMARK_SERVER_TOKEN": "token",
        "POSTMARK_API_URL": f"http://127.0.0.1:{server.server_port}/",
        "WEBHOOK_SECRET": SECRET,
    }
    with clock.reading(lambda: NOW):
        yield Provider
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sent(roster: Roster) -> Notice:
    queue(roster, "C-1")
    assert send_notices(now=NOW) == 1
    return Notice.objects.get()


def queue(roster: Roster, code: str) -> None:
    queue_notice(
        account_id=roster["m-owner"].pk,
        template=Notice.Template.CONFIRMED,
        claim_code=code,
        context={"quantity": 2},
        now=NOW,
    )


def report(message_id: str, *, kind: str = "HardBounce", secret: str = SECRET) -> int:
    """Send what Postmark sends of a bounce; the answer's status."""
    body = {
        "RecordType": "Bounce",
        "ID": 42,
        "Type": kind,
        "TypeCode": 1,
        "MessageID": message_id,
        "Email": "owner@example.org",
        "From": "keys@example.org",
        "BouncedAt": "2022-07-11T12:05:00Z",
        "Description": "The server was unable to deliver your message",
    }
    return (
        Client()
        .post(
            REPORTS,
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": "Basic " + b64encode(secret.encode()).decode()},
        )
        .status_code
    )


def test_a_mail_goes_through_the_providers_client_and_its_id_is_kept(sent: Notice) -> None:
    (taken,) = Provider.taken
    assert taken["To"] == "owner@example.org"
    assert {"Name": "Auto-Submitted", "Value": "auto-generated"} in taken["Headers"]
    assert taken["TextBody"]
    assert taken["HtmlBody"]
    assert sent.provider_id == "00000000-0000-0000-0000-000000000001"


def test_a_provider_that_is_down_is_asked_again(roster: Roster) -> None:
    Provider.fails = 1
    queue(roster, "C-1")
    assert send_notices(now=NOW) == 0
    assert send_notices(now=NOW + FIRST_PAUSE) == 1


def test_a_bounce_marks_the_address_and_nothing_more_is_mailed_there(sent: Notice, roster: Roster) -> None:
    assert report(sent.provider_id) == 200
    bounce = Bounce.objects.get()
    assert (bounce.notice, bounce.kind, bounce.reported_at) == (sent, "bounced", NOW)
    assert Recipient.objects.get().unreachable_at == NOW
    assert "owner@example.org" not in str(vars(bounce)) + str(vars(Recipient.objects.get()))
    queue(roster, "C-2")
    assert send_notices(now=NOW) == 0
    assert Notice.objects.get(claim_code="C-2").failed_at == NOW
    assert len(Provider.taken) == 1


def test_another_address_on_the_roster_is_tried_again(sent: Notice, roster: Roster) -> None:
    report(sent.provider_id)
    account = roster["m-owner"]
    account.email = "new@example.org"
    account.save()
    queue(roster, "C-2")
    assert send_notices(now=NOW + timedelta(days=1)) == 1


def test_a_report_that_comes_twice_counts_once(sent: Notice) -> None:
    assert [report(sent.provider_id) for _ in range(3)] == [200, 200, 200]
    assert Bounce.objects.count() == 1


@pytest.mark.parametrize("secret", ["provider:wrong", "", "provider"])
def test_a_report_without_the_secret_is_refused(sent: Notice, secret: str) -> None:
    assert report(sent.provider_id, secret=secret) == 400
    assert not Bounce.objects.exists()


def test_a_report_on_no_mail_of_ours_and_a_mere_delay_change_nothing(sent: Notice) -> None:
    assert report("another") == 200
    assert report(sent.provider_id, kind="Transient") == 200
    assert not Bounce.objects.exists()


def test_bounces_stay(sent: Notice) -> None:
    report(sent.provider_id)
    with pytest.raises(DatabaseError), transaction.atomic():
        Bounce.objects.all().delete()
