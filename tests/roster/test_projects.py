"""What becomes of a project on the index: it stays critical, its story is kept, and a flag shows."""

import pytest
from django.core.management import CommandError, call_command

from common.errors import BadRequest
from roster.errors import ListHeld, SecondPersonNeeded, UnknownProject, UnknownRecord
from roster.models import Account, HeldList, Project, ProjectRole, Snapshot
from roster.rules import decide, parse_policy
from roster.selectors import facts_about, project_history, two_factor_at
from roster.services.accounts import import_accounts
from roster.services.import_approvals import approve_list
from roster.services.projects import designate_by_hand, rename_project
from roster.services.roles import import_roles
from tests.roster.conftest import ACCOUNTS, LATER, NOW, ROLES, Write

pytestmark = pytest.mark.django_db
ALPHA_BOB_OWNS = "alpha,Bob,Owner,2022-07-12\n"
WITHOUT_ALPHA = "".join(line for line in ROLES.splitlines(keepends=True) if not line.startswith("alpha,"))


def flags(name: str = "alpha") -> list[str]:
    story = project_history(name=name)
    assert story is not None
    return story.flags


def bring(write: Write, roles: str) -> None:
    import_roles(path=write("next.csv", roles), actor="ops", now=LATER)


@pytest.mark.usefixtures("roster")
def test_a_project_deleted_and_made_anew_is_as_critical_as_before_and_flagged(write: Write) -> None:
    alpha = Project.objects.get(normalized_name="alpha")
    bring(write, WITHOUT_ALPHA)
    assert flags() == ["deleted"]
    bring(write, WITHOUT_ALPHA + "ALPHA,Bob,Owner,2022-07-12\n")
    again = Project.objects.get(normalized_name="alpha")
    assert (again.pk, again.critical_since) == (alpha.pk, alpha.critical_since)
    assert flags() == ["deleted", "recreated"]
    assert list(again.designations.values_list("rank", flat=True)) == [1]
    (role,) = facts_about(account=Account.objects.get(username="Bob"), now=LATER).roles or ()
    assert (role.critical, role.recreated, role.recreated_on) == (True, True, LATER.date())
    policy = parse_policy(
        {"version": "p", "rules": [{"rule": "project_not_recreated", "min_days": 30, "on_fail": "review"}]}
    )
    facts = facts_about(account=Account.objects.get(username="Bob"), now=LATER)
    assert decide(facts, policy, LATER).outcome == "review"


@pytest.mark.usefixtures("roster")
def test_a_project_whose_owners_are_all_others_was_handed_over(write: Write) -> None:
    bring(write, ROLES + ALPHA_BOB_OWNS)
    assert flags() == []
    bring(write, WITHOUT_ALPHA + ALPHA_BOB_OWNS)
    assert flags() == []  # Bob had been an owner beside ada
    bring(write, WITHOUT_ALPHA + "alpha,crew,Owner,2022-07-12\n")
    assert flags() == ["transferred"]
    assert Project.objects.get(normalized_name="alpha").critical_since == NOW.date()


@pytest.mark.usefixtures("roster")
def test_a_renamed_project_hands_its_status_and_history_on() -> None:
    rename_project(name="Alpha", new_name="alpha.next", note="New brand.", actor="staff:1", now=LATER)
    old, new = project_history(name="alpha"), project_history(name="alpha-next")
    assert old is not None
    assert new is not None
    assert old.flags == ["renamed"]
    assert old.events[0].successor == new.project
    assert new.project.critical_since == old.project.critical_since == NOW.date()
    assert [(d.reason, d.note) for d in new.designations] == [("inherited", "renamed from alpha")]
    with pytest.raises(BadRequest):
        rename_project(name="alpha", new_name="ALPHA", note="", actor="x", now=LATER)
    with pytest.raises(UnknownProject):
        rename_project(name="nowhere", new_name="beta", note="", actor="x", now=LATER)


@pytest.mark.usefixtures("roster")
def test_a_project_is_made_critical_by_hand_with_a_reason() -> None:
    designation = designate_by_hand(name="zeta", reason="All builds need it.", actor="staff:1", now=LATER)
    assert (designation.project.critical_since, designation.note) == (LATER.date(), "All builds need it.")
    with pytest.raises(BadRequest) as refused:
        designate_by_hand(name="=x", reason=" ", actor="staff:1", now=LATER)
    assert [error.field for error in refused.value.errors] == ["name", "reason"]
    assert designate_by_hand(name="zeta", reason="Other.", actor="x", now=LATER).note == "All builds need it."


@pytest.mark.usefixtures("roster")
def test_the_two_factor_state_of_any_past_moment_can_be_read(write: Write) -> None:
    enrolled = ACCOUNTS.replace(
        "ada@example.org,true,2014-02-03T00:00:00Z,false,false",
        "ada@example.org,true,2014-02-03T00:00:00Z,false,true",
    )
    import_accounts(path=write("a2.csv", enrolled), actor="ops", now=LATER)
    ada = Account.objects.get(username="ada")
    moments = (NOW.replace(year=2020), NOW, LATER.replace(hour=11), LATER)
    states = [two_factor_at(account=ada, moment=moment) for moment in moments]
    assert [state and (state.has_webauthn, state.since) for state in states] == [
        None,
        (False, NOW),
        (False, NOW),
        (True, LATER),
    ]


MANY = "project,username,role,since\n" + "".join(f"p{n},ada,Owner,2020-01-01\n" for n in range(60))
FEWER = "project,username,role,since\n" + "".join(f"p{n},ada,Owner,2020-01-01\n" for n in range(40))


@pytest.mark.usefixtures("roster")
def test_a_list_that_shrinks_the_roster_is_held_until_a_second_person_lets_it_in_once(write: Write) -> None:
    bring(write, MANY)
    path = write("fewer.csv", FEWER)
    before = Snapshot.objects.count()
    with pytest.raises(ListHeld):
        import_roles(path=path, actor="ops", now=LATER)
    with pytest.raises(CommandError) as refused:
        call_command("import_roles", str(path))
    assert refused.value.returncode == 1
    assert "approve_list" in str(refused.value)
    assert (ProjectRole.objects.live().count(), Snapshot.objects.count()) == (60, before)
    held = HeldList.objects.get()
    assert (held.rows, held.rows_before, held.source) == (40, 60, "fewer.csv")
    with pytest.raises(SecondPersonNeeded):
        approve_list(sha256=held.sha256, note="", actor="ops", now=LATER)
    with pytest.raises(UnknownRecord):
        approve_list(sha256=held.sha256[:5], note="", actor="board", now=LATER)
    approve_list(sha256=held.sha256[:12], note="They cleaned up.", actor="board", now=LATER)
    import_roles(path=path, actor="ops", now=LATER)
    assert ProjectRole.objects.live().count() == 40
    bring(write, MANY)
    with pytest.raises(ListHeld):
        import_roles(path=path, actor="ops", now=LATER)


@pytest.mark.usefixtures("roster")
def test_a_list_that_grows_or_changes_a_little_is_not_held(write: Write) -> None:
    bring(write, MANY)
    bring(write, MANY.replace("p1,", "q1,").replace("p2,", "q2,"))
    assert not HeldList.objects.exists()


@pytest.mark.usefixtures("roster")
def test_an_account_list_that_leaves_out_too_many_is_held(write: Write) -> None:
    people = [f"p{n},p{n}@example.org,true,,false,false,false\n" for n in range(60)]
    header = ACCOUNTS.splitlines()[0] + "\n"
    import_accounts(path=write("many.csv", header + "".join(people)), actor="ops", now=LATER)
    with pytest.raises(ListHeld):
        import_accounts(path=write("few.csv", header + "".join(people[:30])), actor="ops", now=LATER)
    import_accounts(path=write("most.csv", header + "".join(people[:55])), actor="ops", now=LATER)
