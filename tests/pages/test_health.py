"""Probes: whether the process lives, and whether it can serve."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from common import clock
from config import health
from tests.conftest import Roster

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(db: None) -> None:
    """A worker that said a moment ago that it lives."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")


def test_the_process_answers_without_the_database(client: Client, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert client.get("/healthz").json() == {"ok": True}


def test_all_is_well_with_a_worker_and_a_fresh_roster(client: Client, worker: None, roster: Roster) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200, answer.content
    assert answer.json()["ok"]
    needed = {name for name, check in answer.json()["checks"].items() if check["needed"]}
    assert needed == {"database", "migrations", "worker", "roster"}


def test_what_fails_is_listed(client: Client, worker: None, roster: Roster, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
    with clock.reading(lambda: now + timedelta(days=3)):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["failed"] == ["worker", "roster"]
    assert answer.json()["checks"]["roster"]["finding"].startswith("Taken 3 days ago. Import")


def test_nothing_imported_and_nobody_working_is_not_ready(client: Client) -> None:
    assert client.get("/readyz").json()["failed"] == ["worker", "roster"]


def test_without_a_database_nothing_else_is_asked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(now: datetime) -> tuple[bool, str]:
        raise DatabaseError("could not connect to db.internal as keydesk")

    monkeypatch.setattr(health, "_database", down)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["failed"] == ["database"]
    assert "db.internal" not in answer.content.decode()
