"""A mail from a worker: no request is there to ask for a host, and the links are right all the same."""

import re

import pytest
from django.conf import LazySettings
from django.core import mail
from django.db import transaction

from common import clock
from fulfillment.notices import jobs
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from tests.conftest import Roster

pytestmark = pytest.mark.django_db


def test_a_mail_from_a_worker_has_the_right_host(roster: Roster, settings: LazySettings) -> None:
    settings.SITE_URL = "https://keys.example.org"
    settings.ALLOWED_HOSTS = ["keys.example.org"]
    with transaction.atomic():
        queue_notice(
            account_id=roster["m-owner"].pk,
            template=Notice.Template.INVITATION,
            context={
                "projects": ["keystone-lib"],
                "quantity": 2,
                "sponsor": "Example Foundation",
                "closes_at": "2022-10-03T00:00:00+00:00",
            },
            now=clock.now(),
        )
    Notice.objects.update(due_at=clock.now())
    # What the worker calls, with nothing around it: no request, no middleware.
    jobs.send_notices(timestamp=0)
    (message,) = mail.outbox
    html = str(message.message().as_string())
    hosts = set(re.findall(r"https?://([^/\s\"<>]+)", str(message.body)))
    assert hosts == {"keys.example.org"}
    assert "https://keys.example.org/claim/" in str(message.body)
    assert "testserver" not in html
    assert message.extra_headers["Message-ID"].endswith("@keys.example.org>")
    assert Notice.objects.get().sent_at is not None
