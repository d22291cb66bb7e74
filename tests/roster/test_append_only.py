"""What the database itself refuses to have changed, whoever asks."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from roster.models import Account, Designation, Policy, Project, Snapshot
from roster.policies import shipped_policy
from roster.rules import decide, parse_policy
from roster.selectors import facts_about
from roster.services.decisions import record_decision
from roster.services.policies import publish_policy
from tests.roster.conftest import NOW


@pytest.fixture(autouse=True)
def history(roster: None) -> None:
    policy = publish_policy(document=shipped_policy("2022-06-21"), actor="ops", now=NOW)
    account = Account.objects.get(username="ada")
    facts = facts_about(account=account, now=NOW)
    decision = decide(facts, parse_policy(policy.document), NOW)
    record_decision(account=account, policy=policy, decision=decision, facts=facts, now=NOW)


def refuses(statement: str) -> bool:
    """Whether a trigger refuses it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.rowcount > 0, "there is a row to refuse"
    except DatabaseError as error:
        return "pgtrigger: Cannot" in str(error)
    return False


CHANGES = {
    "roster_snapshot": "rows = rows + 1",
    "roster_receipt": "imported_by = 'x'",
    "roster_designation": "rank = 1",
    "roster_twofactorobservation": "has_totp = NOT has_totp",
    "roster_decision": "outcome = 'eligible', headline = ''",
    "roster_policy": "published_by = 'x'",
    "roster_project": "critical_since = NULL",
}


@pytest.mark.parametrize("table", CHANGES)
def test_what_was_recorded_cannot_be_changed(table: str) -> None:
    assert refuses(f"UPDATE {table} SET {CHANGES[table]}")


@pytest.mark.parametrize("table", [*CHANGES, "roster_projectrole"])
def test_what_was_recorded_cannot_be_deleted(table: str) -> None:
    assert refuses(f"DELETE FROM {table}")


def test_a_critical_project_may_be_renamed_and_a_plain_one_designated() -> None:
    assert not refuses("UPDATE roster_project SET name = 'Alpha' WHERE normalized_name = 'alpha'")
    assert not refuses("UPDATE roster_project SET critical_since = now() WHERE critical_since IS NULL")


def test_a_draft_may_be_changed_and_thrown_away() -> None:
    Policy.objects.create(version="draft", document={"version": "draft", "rules": []})
    assert not refuses(
        "UPDATE roster_policy SET document = '{\"version\": \"draft\"}' WHERE version = 'draft'"
    )
    assert not refuses("DELETE FROM roster_policy WHERE version = 'draft'")


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "INSERT INTO roster_project (normalized_name, name) VALUES ('alpha', 'ALPHA')",
            "one_project_per_normalized_name",
        ),
        (
            "INSERT INTO roster_project (normalized_name, name) VALUES ('A_b', 'A_b')",
            "project_name_is_normalized",
        ),
        ("UPDATE roster_account SET username = 'BOB' WHERE username = 'ada'", "in_any_case"),
        ("UPDATE roster_account SET email = '' WHERE username = 'ada'", "only_an_address_can_be_verified"),
        ("UPDATE roster_projectrole SET role = 'Boss'", "role_is_owner_or_maintainer"),
        (
            "INSERT INTO roster_projectrole (project_id, account_id, role) "
            "SELECT project_id, account_id, role FROM roster_projectrole LIMIT 1",
            "one_live_role_per_project_and_account",
        ),
        (
            "INSERT INTO roster_designation (project_id, reason, designated_on, note, designated_by) "
            "SELECT id, 'by_hand', now(), '', 'x' FROM roster_project LIMIT 1",
            "by_hand_says_why",
        ),
        (
            "INSERT INTO roster_designation (project_id, reason, designated_on, note, designated_by) "
            "SELECT id, 'top_downloads', now(), '', 'x' FROM roster_project WHERE critical_since IS NULL",
            "top_downloads_names_rank_and_snapshot",
        ),
        (
            "INSERT INTO roster_policy (version, document, status, published_by) "
            "VALUES ('v', '{\"version\": \"v\"}', 'published', 'x')",
            "published_policy_says_when_and_by_whom",
        ),
        (
            "INSERT INTO roster_policy (version, document, status, published_by) "
            "VALUES ('v', '{\"version\": \"w\"}', 'draft', '')",
            "policy_version_is_its_documents",
        ),
        (
            "INSERT INTO roster_snapshot (kind, source, sha256, rows, taken_at, imported_by) "
            "SELECT kind, source, sha256, rows, taken_at, imported_by FROM roster_snapshot WHERE kind = 'roles'",
            "same_file_is_one_snapshot",
        ),
        (
            "INSERT INTO roster_snapshot (kind, source, sha256, rows, taken_at, imported_by) "
            "VALUES ('downloads', 'x', repeat('a', 64), 1, now(), 'x')",
            "download_lists_keep_their_table",
        ),
        (
            "INSERT INTO roster_snapshot (kind, source, sha256, rows, taken_at, imported_by, window_start) "
            "VALUES ('roles', 'x', repeat('a', 64), 1, now(), 'x', now())",
            "snapshot_window_has_start_and_end",
        ),
    ],
)
def test_the_database_keeps_the_fact(statement: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_rows_these_tests_rest_on_are_there() -> None:
    assert Snapshot.objects.count() == 3
    assert Designation.objects.count() == 3
    assert Project.objects.critical().count() == 3
