"""The roster's facts about an account, and the record of what was decided on them."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from roster.errors import PolicyNotPublished
from roster.models import Account, Decision, Policy, Snapshot
from roster.policies import shipped_policy
from roster.rules import decide, parse_policy
from roster.selectors import facts_about, roster_taken_at
from roster.services.accounts import import_accounts
from roster.services.decisions import record_decision
from roster.services.policies import publish_policy
from roster.services.roles import import_roles
from tests.roster.conftest import ACCOUNTS, LATER, NOW, ROLES, Write


@pytest.mark.usefixtures("roster")
def test_the_facts_are_the_rosters() -> None:
    facts = facts_about(account=Account.objects.get(username="ada"), now=NOW)
    account = Account.objects.get(username="ada")
    assert (facts.username, facts.now, facts.joined_at) == ("ada", NOW, account.joined_at)
    assert (facts.has_totp, facts.has_webauthn, facts.is_organization, facts.opted_out) == (False,) * 4
    assert facts.email_changed_at == account.joined_at
    assert facts.roster_taken_at == NOW
    assert facts.roles is not None
    assert [(role.project, role.role, role.critical, role.reason) for role in facts.roles] == [
        ("alpha", "Owner", True, "rank 1 by downloads"),
        ("Beta.Two", "Maintainer", True, "rank 2 by downloads"),
    ]
    assert facts.roles[0].designated_on == NOW.date()
    # What claims know is not the roster's to say.
    assert (facts.keys_available, facts.live_claims, facts.country, facts.campaign) == (None,) * 4


@pytest.mark.usefixtures("roster")
def test_a_role_on_a_plain_project_and_an_ended_one_are_told_apart(write: Write) -> None:
    rest = ROLES.replace("alpha,bob,Maintainer,2022-07-01\n", "")
    import_roles(path=write("later.csv", rest), actor="ops", now=LATER)
    assert facts_about(account=Account.objects.get(username="Bob"), now=LATER).roles == ()
    crew = facts_about(account=Account.objects.get(username="crew"), now=LATER)
    assert crew.roles is not None
    assert [(role.project, role.critical, role.reason) for role in crew.roles] == [("zeta", False, None)]
    assert list(Account.objects.of_critical_projects().values_list("username", flat=True)) == ["ada"]


@pytest.mark.usefixtures("roster")
def test_the_facts_take_five_queries_however_many_projects(
    write: Write, django_assert_num_queries: Any
) -> None:
    many = "".join(f"p{n},ada,Owner,2020-01-01\n" for n in range(200))
    import_roles(path=write("many.csv", ROLES + many), actor="ops", now=NOW)
    account = Account.objects.get(username="ada")
    with django_assert_num_queries(5):
        facts = facts_about(account=account, now=NOW)
    assert facts.roles is not None
    assert len(facts.roles) == 202


@pytest.mark.django_db
def test_the_roster_is_as_fresh_as_the_older_of_its_two_lists(write: Write) -> None:
    accounts, roles = write("a.csv", ACCOUNTS), write("r.csv", ROLES)
    assert roster_taken_at() is None
    import_accounts(path=accounts, actor="ops", now=NOW)
    assert roster_taken_at() is None
    import_roles(path=roles, actor="ops", now=LATER)
    assert roster_taken_at() == NOW
    # The same file again says that nothing changed, which is news.
    import_accounts(path=accounts, actor="ops", now=LATER + timedelta(days=1))
    assert roster_taken_at() == LATER


@pytest.fixture
def policy(db: None) -> Policy:
    return publish_policy(document=shipped_policy("2022-06-21"), actor="board", now=NOW)


@pytest.mark.usefixtures("roster")
def test_a_decision_is_recorded_with_its_facts_and_the_roster_it_was_taken_on(policy: Policy) -> None:
    account = Account.objects.get(username="ada")
    facts = replace(facts_about(account=account, now=NOW), keys_available=0, live_claims=0, country="DE")
    decision = decide(facts, parse_policy(policy.document), NOW)
    record_decision(account=account, policy=policy, decision=decision, facts=facts, now=NOW)
    recorded = Decision.objects.get()
    assert (recorded.account, recorded.policy, recorded.decided_at) == (account, policy, NOW)
    assert (recorded.outcome, recorded.headline) == ("ineligible", "stock_available")
    assert recorded.as_document() == decision.as_document()
    assert recorded.facts == facts.as_document()
    assert recorded.roles_snapshot == Snapshot.objects.get(kind="roles")
    assert recorded.accounts_snapshot == Snapshot.objects.get(kind="accounts")
    assert "@" not in json.dumps([recorded.facts, recorded.verdicts])


@pytest.mark.usefixtures("roster")
def test_a_decision_under_a_draft_is_not_recorded() -> None:
    draft = Policy.objects.create(version="2022-06-21", document=shipped_policy("2022-06-21"))
    account = Account.objects.get(username="ada")
    facts = facts_about(account=account, now=NOW)
    decision = decide(facts, parse_policy(draft.document), NOW)
    with pytest.raises(PolicyNotPublished):
        record_decision(account=account, policy=draft, decision=decision, facts=facts, now=NOW)
    assert not Decision.objects.exists()
