"""The activity log: searched, exported, and unable to be changed unnoticed."""

import csv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction

from common.invariants import verify_all
from desk.audit.recording import record_action
from desk.invariants import CHECKS
from desk.models import AuditEntry
from desk.roles import Role
from tests.desk.conftest import StaffWith


def write(now: datetime, number: int = 3, actor: str = "staff:robin") -> None:
    for each in range(number):
        record_action(
            actor=actor, action="noted", subject_kind="claim", subject=f"C-{each}", reason="why", now=now
        )


@pytest.fixture
def triggers_off(db: None) -> Iterator[None]:
    """What only a superuser of the database can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def broken() -> list[str]:
    return [position for violation in verify_all(CHECKS).violations for position in violation.ids]


def test_entries_are_chained_from_the_first(db: None, now: datetime) -> None:
    write(now)
    first, second, third = AuditEntry.objects.order_by("position")
    assert [entry.position for entry in (first, second, third)] == [1, 2, 3]
    assert bytes(first.previous_hash) == bytes(32)
    assert bytes(second.previous_hash) == bytes(first.hash)
    assert bytes(third.previous_hash) == bytes(second.hash)
    assert broken() == []


@pytest.mark.parametrize(
    "statement", ["UPDATE desk_auditentry SET reason = 'x'", "DELETE FROM desk_auditentry"]
)
def test_the_database_refuses_a_change(statement: str, db: None, now: datetime) -> None:
    write(now)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


class TestByHandWithTriggersOff:
    @pytest.fixture(autouse=True)
    def _three_entries(self, triggers_off: None, now: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = origin")
            write(now)
            cursor.execute("SET LOCAL session_replication_role = replica")

    @pytest.mark.parametrize("column", ["reason", "actor", "subject", "action"])
    def test_a_changed_field_is_found(self, column: str) -> None:
        AuditEntry.objects.filter(position=2).update(**{column: "another"})
        assert broken() == ["2"]

    def test_a_moved_moment_is_found(self, now: datetime) -> None:
        AuditEntry.objects.filter(position=2).update(at=now + timedelta(microseconds=1))
        assert broken() == ["2"]

    def test_a_missing_entry_is_found_by_the_one_after(self) -> None:
        AuditEntry.objects.filter(position=2).delete()
        assert broken() == ["3"]

    def test_an_entry_put_in_is_found(self, now: datetime) -> None:
        AuditEntry.objects.create(position=4, at=now, actor="staff:x", action="a", hash=b"0" * 32)
        assert broken() == ["4"]


@pytest.mark.django_db(transaction=True)
def test_entries_written_at_once_make_one_chain(now: datetime) -> None:
    def one(number: int) -> None:
        try:
            with transaction.atomic():
                write(now, number=5, actor=f"staff:{number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert list(AuditEntry.objects.order_by("position").values_list("position", flat=True)) == [*range(1, 41)]
    assert broken() == []


def test_the_trail_is_searched_and_pages_by_cursor(
    staff_with: StaffWith, now: datetime, django_assert_max_num_queries: Callable[..., object]
) -> None:
    write(now, number=60)
    write(now, number=1, actor="staff:kim")
    client = staff_with(Role.AUDITOR)
    with django_assert_max_num_queries(8):  # type: ignore[attr-defined]
        first = client.get("/desk/audit/")
    assert len(first.context["entries"]) == 50
    second = client.get(f"/desk/audit/?{first.context['more']}")
    assert len(second.context["entries"]) == 11
    assert second.context["more"] == ""
    kim = client.get("/desk/audit/?actor=staff:kim")
    assert [entry.actor for entry in kim.context["entries"]] == ["staff:kim"]
    assert client.get("/desk/audit/?since=yesterday").status_code == 422


def test_the_export_defuses_formulas_and_carries_the_hashes(staff_with: StaffWith, now: datetime) -> None:
    record_action(actor="staff:robin", action="noted", reason="=HYPERLINK(1)", now=now)
    answer = staff_with(Role.AUDITOR).get("/desk/audit/export/")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    (row,) = csv.DictReader(text.splitlines())
    assert row["reason"] == "'=HYPERLINK(1)"
    assert row["hash"] == bytes(AuditEntry.objects.get().hash).hex()
