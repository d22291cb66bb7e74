"""Prepared queries: the SQL is written once, and answers as the queryset itself would."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import current_thread

import pytest
from django.db import connection, connections
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from common.prepared_queries import IsAnyOf, prepared
from config.models import User
from roster.models import Account

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@prepared
def named(*, username: str) -> QuerySet[Account]:
    return Account.objects.filter(username=username)


@prepared
def among(*, ids: list[int]) -> QuerySet[Account, str]:
    return Account.objects.filter(IsAnyOf("pk", ids)).order_by("username").values_list("username", flat=True)


@prepared
def user_of(*, account: Account) -> QuerySet[User]:
    return User.objects.select_related("account").filter(account=account)


@prepared
def locked(*, username: str) -> QuerySet[Account]:
    return Account.objects.filter(username=username).select_for_update()


def an_account(username: str) -> Account:
    return Account.objects.create(
        username=username,
        has_totp=False,
        has_webauthn=False,
        two_factor_observed_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.django_db
def test_each_call_puts_in_its_own_values(monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = an_account("ada"), an_account("bob")
    assert named(username="ada") == [ada]
    assert among(ids=[]) == []

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the SQL was written a second time")

    monkeypatch.setattr(SQLCompiler, "as_sql", refuse)
    assert named(username="bob") == [bob]
    assert named(username="' OR true --") == []
    assert among(ids=[ada.pk, bob.pk, 0]) == ["ada", "bob"]


@pytest.mark.django_db
def test_rows_come_with_what_they_are_joined_to() -> None:
    ada = an_account("ada")
    User.objects.create(username="ada", account=ada)
    (user,) = user_of(account=ada)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQLCompiler, "execute_sql", None)
        assert user.account == ada


@pytest.mark.django_db
def test_it_takes_exactly_its_keywords() -> None:
    for call in ({}, {"username": "ada", "email": ""}, {"name": "ada"}):
        with pytest.raises(TypeError, match="exactly the keywords username"):
            named(**call)


@pytest.mark.django_db
def test_a_value_that_does_not_reach_the_database_is_a_mistake() -> None:
    @prepared
    def ever(*, since: datetime | None) -> QuerySet[Account]:
        return Account.objects.all() if since else Account.objects.none()

    with pytest.raises(AssertionError, match="does nothing with"):
        ever(since=None)


@pytest.mark.django_db(transaction=True)
def test_a_lock_needs_a_transaction() -> None:
    for _ in range(2):
        with pytest.raises(TransactionManagementError):
            locked(username="ada")


@pytest.mark.django_db(transaction=True)
def test_threads_ask_over_their_own_connections() -> None:
    accounts = [an_account(f"m-{number}") for number in range(4)]

    def ask(number: int) -> tuple[str, list[Account]]:
        try:
            return current_thread().name, named(username=f"m-{number % 4}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(40)))
    assert [rows for _, rows in found] == [[accounts[number % 4]] for number in range(40)]


@pytest.mark.django_db
def test_the_database_plans_it_once_a_connection() -> None:
    an_account("ada")
    for username in ("ada", "bob", "100%"):
        named(username=username)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE %s",
            ['%FROM "roster_account"%'],
        )
        assert cursor.fetchall() == [(3,)]


@pytest.mark.django_db
def test_what_is_the_same_in_every_call_is_part_of_the_statement() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert odd_ones(username="ada") == []
    assert "'100%'" in queries[0]["sql"]
    an_account("100%")
    assert [account.username for account in odd_ones(username="ada")] == ["100%"]


@prepared
def odd_ones(*, username: str) -> QuerySet[Account]:
    return Account.objects.filter(username="100%").exclude(username=username)
