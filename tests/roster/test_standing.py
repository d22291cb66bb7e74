"""Exceptions, delegations, appeals and what people say of themselves: who did what, and what it changes."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction

from common.errors import BadRequest
from roster.errors import AlreadyAsked, DelegationRefused, SecondPersonNeeded, UnknownRecord
from roster.models import (
    DELEGATES_PER_PROJECT,
    Account,
    AccountEvent,
    Appeal,
    Delegation,
    Disclaimer,
    PolicyException,
    Project,
)
from roster.rules import decide, parse_policy
from roster.selectors import facts_about
from roster.services import appeals, delegations, exceptions, preferences
from roster.services.accounts import import_accounts
from roster.services.roles import import_roles
from tests.roster.conftest import ACCOUNTS, LATER, NOW, ROLES, Write

SOON = NOW + timedelta(days=30)
NO_2FA = parse_policy({"version": "p", "rules": [{"rule": "two_factor", "allow": ["none"]}]})
ON_ROSTER = parse_policy({"version": "p", "rules": [{"rule": "on_critical_roster"}]})


def account(name: str) -> Account:
    return Account.objects.get(username=name)


def trail(name: str) -> list[tuple[str, str]]:
    return list(
        AccountEvent.objects.filter(account__username=name).order_by("pk").values_list("name", "actor")
    )


def is_admitted(name: str, policy: object = ON_ROSTER) -> bool:
    return decide(facts_about(account=account(name), now=NOW), policy, NOW).outcome == "eligible"  # type: ignore[arg-type]


def ask(rule: str = "two_factor", actor: str = "staff:1") -> PolicyException:
    return exceptions.request_exception(
        account_id=account("Bob").pk, rule=rule, reason="Lost it.", expires_at=SOON, actor=actor, now=NOW
    )


@pytest.mark.usefixtures("roster")
def test_an_exception_counts_from_the_second_name_until_it_expires() -> None:
    assert not is_admitted("Bob", NO_2FA)
    asked = ask()
    assert not is_admitted("Bob", NO_2FA)
    exceptions.grant_exception(exception_id=asked.pk, actor="staff:2", now=NOW)
    assert is_admitted("Bob", NO_2FA)
    assert facts_about(account=account("Bob"), now=SOON).exceptions is None
    exceptions.end_exception(exception_id=asked.pk, because="No longer needed.", actor="staff:1", now=NOW)
    assert not is_admitted("Bob", NO_2FA)
    assert trail("Bob") == [
        ("exception_requested", "staff:1"),
        ("exception_granted", "staff:2"),
        ("exception_revoked", "staff:1"),
    ]


@pytest.mark.usefixtures("roster")
def test_who_asks_for_an_exception_does_not_grant_it_and_the_database_agrees() -> None:
    asked = ask()
    with pytest.raises(SecondPersonNeeded):
        exceptions.grant_exception(exception_id=asked.pk, actor="staff:1", now=NOW)
    mine = {"granted_by": "staff:1", "granted_at": NOW}
    with pytest.raises(IntegrityError, match="an_exception_needs_a_second_name"), transaction.atomic():
        PolicyException.objects.filter(pk=asked.pk).update(**mine)
    exceptions.grant_exception(exception_id=asked.pk, actor="staff:2", now=NOW)
    with pytest.raises(UnknownRecord):
        exceptions.grant_exception(exception_id=asked.pk, actor="staff:3", now=NOW)
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        PolicyException.objects.filter(pk=asked.pk).update(expires_at=SOON + timedelta(days=999))


@pytest.mark.usefixtures("roster")
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rule": "no_such"}, "rule"),
        ({"rule": "one_claim"}, "rule"),
        ({"reason": " "}, "reason"),
        ({"expires_at": NOW}, "expires_at"),
    ],
)
def test_a_bad_request_for_an_exception_names_its_field(changed: dict[str, object], field: str) -> None:
    asked = {"rule": "two_factor", "reason": "Lost it.", "expires_at": SOON, **changed}
    with pytest.raises(BadRequest) as refused:
        exceptions.request_exception(account_id=account("Bob").pk, actor="s", now=NOW, **asked)  # type: ignore[arg-type]
    assert [error.field for error in refused.value.errors] == [field]
    assert not PolicyException.objects.exists()
    assert trail("Bob") == []


@pytest.mark.usefixtures("roster")
def test_the_same_exception_is_asked_for_once_at_a_time() -> None:
    ask()
    with pytest.raises(AlreadyAsked):
        ask(actor="staff:2")


@pytest.fixture
def crew(roster: None, write: Write) -> Account:
    """An organisation's account that owns alpha, and a person with no role anywhere."""
    people = ACCOUNTS + "".join(f"p{n},p{n}@example.org,true,,false,false,false\n" for n in range(8))
    import_accounts(path=write("a2.csv", people), actor="ops", now=NOW)
    import_roles(path=write("r2.csv", f"{ROLES}alpha,crew,Maintainer,2020-01-01\n"), actor="ops", now=NOW)
    return account("crew")


def name_for_alpha(person: str, by: Account) -> Delegation:
    return delegations.delegate(
        project="Alpha", username=person, delegated_by=by, actor="maintainer:9", now=NOW
    )


def test_an_organisation_names_the_people_behind_it(crew: Account) -> None:
    assert not is_admitted("p0")
    made = name_for_alpha("P0", crew)
    assert is_admitted("p0")
    (role,) = facts_about(account=account("p0"), now=NOW).roles or ()
    assert (role.project, role.role, role.delegated_by, role.since) == (
        "alpha",
        "Maintainer",
        "crew",
        NOW.date(),
    )
    assert trail("p0") == trail("crew") == [("delegated", "maintainer:9")]
    delegations.end_delegation(delegation_id=made.pk, spoken_by=crew, actor="maintainer:9", now=LATER)
    assert not is_admitted("p0")
    assert [name for name, _ in trail("p0")] == ["delegated", "delegation_ended"]


def test_owners_name_people_and_mere_maintainers_do_not(crew: Account) -> None:
    assert [p.name for p in delegations.delegable_projects(account("ada"))] == ["alpha"]
    name_for_alpha("p1", account("ada"))
    for nobody in ("Bob", "p1"):
        with pytest.raises(DelegationRefused, match="do not own"):
            name_for_alpha("p2", account(nobody))


def test_a_delegation_counts_no_longer_than_who_made_it_speaks_for_the_project(
    crew: Account, write: Write
) -> None:
    name_for_alpha("p0", crew)
    import_roles(path=write("r3.csv", ROLES), actor="ops", now=LATER)
    assert not is_admitted("p0")


@pytest.mark.parametrize(
    ("person", "why"),
    [("nobody", "unknown_maintainer"), ("crew", "yourself"), ("Bob", "has_a_role"), ("p0", "named_already")],
)
def test_who_cannot_be_named_and_why(crew: Account, person: str, why: str) -> None:
    name_for_alpha("p0", crew)
    with pytest.raises(DelegationRefused) as refused:
        name_for_alpha(person, crew)
    assert refused.value.why == why
    assert Delegation.objects.count() == 1


def test_a_project_names_so_many_and_no_more_until_one_is_taken_back(crew: Account) -> None:
    made = [name_for_alpha(f"p{n}", crew) for n in range(DELEGATES_PER_PROJECT)]
    with pytest.raises(DelegationRefused) as refused:
        name_for_alpha("p7", crew)
    assert refused.value.why == "cap_reached"
    delegations.end_delegation(delegation_id=made[2].pk, actor="staff:1", now=NOW)
    assert name_for_alpha("p7", crew).slot == made[2].slot
    more = {"account": account("p6"), "delegated_by": crew, "created_at": NOW, "project": made[0].project}
    for slot, constraint in ((1, "one_delegate_per_place"), (6, "so_many_delegates")):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Delegation.objects.create(slot=slot, **more)


def test_a_stranger_cannot_end_a_delegation(crew: Account) -> None:
    made = name_for_alpha("p0", crew)
    with pytest.raises(UnknownRecord):
        delegations.end_delegation(delegation_id=made.pk, spoken_by=account("p3"), actor="x", now=NOW)
    delegations.end_delegation(delegation_id=made.pk, spoken_by=account("p0"), actor="x", now=NOW)


@pytest.mark.usefixtures("roster")
def test_an_appeal_runs_to_its_answer_its_exception_and_the_trail() -> None:
    bob = account("Bob")
    appeal = appeals.make_appeal(
        account=bob, rule="two_factor", text="My phone drowned.", actor="maintainer:2", now=NOW
    )
    appeals.grant_appeal(
        appeal_id=appeal.pk, answer="Yes, for a month.", expires_at=SOON, actor="staff:1", now=LATER
    )
    appeal.refresh_from_db()
    assert (appeal.state, appeal.answered_by, appeal.answer) == ("granted", "staff:1", "Yes, for a month.")
    assert appeal.exception is not None
    assert not is_admitted("Bob", NO_2FA)
    with pytest.raises(SecondPersonNeeded):
        exceptions.grant_exception(exception_id=appeal.exception.pk, actor="staff:1", now=NOW)
    exceptions.grant_exception(exception_id=appeal.exception.pk, actor="staff:2", now=NOW)
    assert is_admitted("Bob", NO_2FA)
    assert [name for name, _ in trail("Bob")] == [
        "appealed",
        "exception_requested",
        "appeal_granted",
        "exception_granted",
    ]
    appeals.forget_appeals(account_id=bob.pk)
    assert Appeal.objects.get().text == ""


@pytest.mark.usefixtures("roster")
def test_an_appeal_is_declined_with_words_and_answered_once() -> None:
    bob = account("Bob")
    appeal = appeals.make_appeal(
        account=bob, rule="two_factor", text="Please.", actor="maintainer:2", now=NOW
    )
    with pytest.raises(AlreadyAsked):
        appeals.make_appeal(account=bob, rule="two_factor", text="Please!", actor="maintainer:2", now=NOW)
    with pytest.raises(BadRequest):
        appeals.decline_appeal(appeal_id=appeal.pk, answer=" ", actor="staff:1", now=NOW)
    appeals.decline_appeal(appeal_id=appeal.pk, answer="You have an app.", actor="staff:1", now=NOW)
    with pytest.raises(UnknownRecord):
        appeals.decline_appeal(appeal_id=appeal.pk, answer="Again.", actor="staff:2", now=NOW)
    with pytest.raises(UnknownRecord):
        appeals.withdraw_appeal(appeal_id=appeal.pk, account=bob, actor="maintainer:2", now=NOW)
    with pytest.raises(Exception, match="Invalid transition"), transaction.atomic():
        Appeal.objects.filter(pk=appeal.pk).update(state="granted")
    # Another time, another appeal; and one that is somebody else's cannot be taken back.
    again = appeals.make_appeal(account=bob, rule="two_factor", text="News.", actor="maintainer:2", now=LATER)
    with pytest.raises(UnknownRecord):
        appeals.withdraw_appeal(appeal_id=again.pk, account=account("ada"), actor="x", now=LATER)
    assert appeals.withdraw_appeal(appeal_id=again.pk, account=bob, actor="x", now=LATER).state == "withdrawn"


@pytest.mark.usefixtures("roster")
@pytest.mark.parametrize(("rule", "text", "field"), [("one_claim", "x", "rule"), ("two_factor", " ", "text")])
def test_an_appeal_that_cannot_be_made_names_its_field(rule: str, text: str, field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        appeals.make_appeal(account=account("Bob"), rule=rule, text=text, actor="x", now=NOW)
    assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.usefixtures("roster")
@pytest.mark.parametrize("kind", list(Disclaimer.Kind))
def test_a_disclaimed_role_counts_no_longer_until_taken_back(kind: Disclaimer.Kind) -> None:
    bob, alpha = account("Bob"), Project.objects.get(normalized_name="alpha")
    assert is_admitted("Bob")
    for _ in range(2):
        preferences.disclaim_role(account=bob, project_id=alpha.pk, kind=kind, actor="maintainer:2", now=NOW)
    assert not is_admitted("Bob")
    assert is_admitted("ada")
    preferences.take_back_disclaimer(account=bob, project_id=alpha.pk, actor="maintainer:2", now=LATER)
    assert is_admitted("Bob")
    assert [name for name, _ in trail("Bob")] == [f"disclaimed_{kind}", "disclaimer_taken_back"]
    with pytest.raises(UnknownRecord):
        preferences.take_back_disclaimer(account=bob, project_id=alpha.pk, actor="x", now=LATER)
    zeta = Project.objects.get(normalized_name="zeta")
    with pytest.raises(UnknownRecord):
        preferences.disclaim_role(account=bob, project_id=zeta.pk, kind=kind, actor="x", now=NOW)


@pytest.mark.usefixtures("roster")
def test_people_leave_and_come_back_and_say_whether_we_may_write() -> None:
    for act, events in (
        ((preferences.opt_out, preferences.opt_out, preferences.opt_in), ["opted_out", "opted_in"]),
        (
            (preferences.do_not_contact, preferences.do_not_contact, preferences.allow_contact),
            ["do_not_contact", "contact_allowed"],
        ),
    ):
        AccountEvent.objects.filter(account__username="ada").count()
        before = len(trail("ada"))
        for service in act:
            service(account=account("ada"), actor="maintainer:1", now=NOW)
        assert [name for name, _ in trail("ada")][before:] == events
    preferences.opt_out(account=account("ada"), actor="maintainer:1", now=NOW)
    assert facts_about(account=account("ada"), now=NOW).opted_out is True
    with pytest.raises(BadRequest) as refused:
        preferences.set_location(
            account=account("ada"), country="ZZ", time_zone="Mars/Base", actor="x", now=NOW
        )
    assert [error.field for error in refused.value.errors] == ["country", "time_zone"]
    preferences.set_location(
        account=account("ada"), country="DE", time_zone="Europe/Berlin", actor="x", now=NOW
    )
    assert (account("ada").country, account("ada").time_zone) == ("DE", "Europe/Berlin")


@pytest.mark.django_db(transaction=True)
def test_two_who_name_people_at_once_take_two_places(crew: Account) -> None:
    """Without the lock on the project's row both would find the same place free, and one would fail."""
    together = Barrier(4)
    outcomes: list[object] = []

    def run(work: Callable[[], Delegation]) -> None:
        together.wait()
        try:
            outcomes.append(work().slot)
        except DelegationRefused as error:
            outcomes.append(error.why)
        finally:
            connection.close()

    name_for_alpha("p0", crew)
    name_for_alpha("p1", crew)
    threads = [
        Thread(target=run, args=(lambda person=f"p{n}": name_for_alpha(person, crew),)) for n in range(2, 6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(str, outcomes)) == ["3", "4", "5", "cap_reached"]
