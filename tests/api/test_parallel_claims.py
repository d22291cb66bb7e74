"""200 people claim 100 keys at once, over HTTP, from the served application: 50 get two each, nobody an error."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from api.tokens import SCOPES, create_token
from common import clock
from common.invariants import verify_all
from fulfillment.claims.models import Claim
from inventory.models import Unit
from tests.api.served import gunicorn
from tests.conftest import import_roster, open_campaign, receive

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE, KEYS = 200, 100
AT_ONCE = 32


@pytest.fixture
def now() -> datetime:
    """The real time: the served processes read their own clocks."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def secret(transactional_db: None, now: datetime, tmp_path: Path) -> str:
    """A token, once the roster, the campaign and the keys are there."""
    names = [f"m-{number}" for number in range(PEOPLE)]
    accounts = "".join(f"{name},{name}@example.org,true,,false,false,false\n" for name in names)
    roles = "".join(f"keystone-lib,{name},Owner,2014-03-01\n" for name in names)
    import_roster(
        tmp_path,
        now=now,
        accounts="username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n" + accounts,
        roles="project,username,role,since\n" + roles,
    )
    open_campaign(now=now)
    receive(now=now, each=KEYS // 2)
    return create_token(name="index-sync", scopes=list(SCOPES), days=1, now=clock.now())[1]


def claim_all_at_once(port: int, secret: str) -> list[tuple[int, dict[str, Any]]]:
    """Each of the people claims two keys; the answers, status and document."""
    start = Barrier(AT_ONCE)

    def claim(number: int) -> tuple[int, dict[str, Any]]:
        body = {
            "campaign": "keys-2022",
            "maintainer": f"m-{number}",
            "shipping_address": {
                "name": f"Person {number}",
                "street1": f"{number + 1} Main Street",
                "city": "Redmond",
                "state": "WA",
                "postal_code": "98052",
                "country": "US",
            },
        }
        if number < AT_ONCE:
            start.wait(60)
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(
                "POST",
                "/api/v1/claims",
                json.dumps(body),
                {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as people:
        return list(people.map(claim, range(PEOPLE)))


def test_fifty_are_accepted_the_rest_wait_and_nobody_gets_an_error(secret: str) -> None:
    with gunicorn() as port:
        answers = claim_all_at_once(port, secret)
    assert Counter(status for status, _ in answers) == {201: PEOPLE}
    assert Counter(claim["state"] for _, claim in answers) == {"accepted": 50, "waitlisted": 150}
    assert Counter(Claim.objects.values_list("state", flat=True)) == {"accepted": 50, "waitlisted": 150}
    holders = Counter(Unit.objects.filter(account="reserved").values_list("held_for", flat=True))
    assert len(holders) == 50
    assert set(holders.values()) == {2}
    assert not Unit.objects.available().exists()
    assert verify_all().violations == []


@contextmanager
def picks_that_lock_nothing() -> Iterator[None]:
    """The stock ledger's pick as it is, but for its row locks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('inventory_take_units'::regproc)")
        (definition,) = cursor.fetchone()
        unlocked, replaced = re.subn(r"FOR NO KEY UPDATE( SKIP LOCKED)?", "", definition)
        assert replaced == 2
        cursor.execute(unlocked)
        try:
            yield
        finally:
            cursor.execute(definition)


def test_without_the_lock_that_is_not_so(secret: str) -> None:
    """The same crowd where picks lock nothing: the test above would fail."""
    with picks_that_lock_nothing(), gunicorn() as port:
        answers = claim_all_at_once(port, secret)
    statuses = Counter(status for status, _ in answers)
    assert statuses[500] > 0, statuses
    # Even so the database has the last word: what went wrong is an error, not a key promised twice.
    held = Counter(Unit.objects.filter(account="reserved").values_list("held_for", flat=True))
    assert set(held.values()) == {2}
    assert verify_all().violations == []
