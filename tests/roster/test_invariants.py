"""The roster's checks of `verify`: quiet when all is well, and each able to find something."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from common.invariants import Violation, verify_all
from roster.invariants import CHECKS, GUARDS
from roster.models import Account, Decision, Designation, Policy
from roster.policies import shipped_policy
from roster.rules import decide, parse_policy
from roster.selectors import facts_about
from roster.services.decisions import record_decision
from roster.services.policies import publish_policy
from tests.roster.conftest import NOW


@pytest.fixture(autouse=True)
def programme(roster: None) -> None:
    policy = publish_policy(document=shipped_policy("2022-06-21"), actor="board", now=NOW)
    account = Account.objects.get(username="ada")
    facts = facts_about(account=account, now=NOW)
    decision = decide(facts, parse_policy(policy.document), NOW)
    record_decision(account=account, policy=policy, decision=decision, facts=facts, now=NOW)


def violations() -> list[Violation]:
    return verify_all(CHECKS).violations


@contextmanager
def triggers_off() -> Iterator[None]:
    """What somebody with the keys of the database could do."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_a_sound_roster_has_no_violations() -> None:
    verdict = verify_all(CHECKS)
    assert verdict.violations == []
    # One policy and one decision looked at twice; three designations and every guard.
    assert verdict.checked == {"I4": 3, "I7": 3 + len(GUARDS)}


def test_a_published_policy_that_cannot_be_read_is_found() -> None:
    with triggers_off():
        Policy.objects.update(document={"version": "2022-06-21", "rules": [{"rule": "x"}]})
    messages = [violation.message for violation in violations()]
    assert any("cannot be read" in message for message in messages)


def test_a_decision_under_a_draft_is_found() -> None:
    with triggers_off():
        Policy.objects.update(status="draft")
    (violation,) = violations()
    assert (violation.invariant, violation.ids) == ("I4", [str(Decision.objects.get().pk)])


def test_a_decision_that_was_rewritten_is_found() -> None:
    with triggers_off():
        Decision.objects.update(outcome="eligible", headline="")
    (violation,) = violations()
    assert (violation.invariant, violation.ids) == ("I4", [str(Decision.objects.get().pk)])


@pytest.mark.parametrize("column", ["project_id", "snapshot_id"])
def test_a_designation_without_its_project_or_snapshot_is_found(column: str) -> None:
    one = Designation.objects.order_by("pk").first()
    assert one is not None
    with triggers_off():
        Designation.objects.filter(pk=one.pk).update(**{column: 0})
    (violation,) = violations()
    assert (violation.invariant, violation.ids) == ("I7", [str(one.pk)])


@pytest.mark.parametrize("table", GUARDS)
def test_a_trigger_that_was_switched_off_is_found(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    (violation,) = violations()
    assert violation.ids == [f"{table}.{GUARDS[table]}"]
