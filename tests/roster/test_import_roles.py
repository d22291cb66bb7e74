"""Role lists: the full picture of who maintains what."""

from datetime import date

import pytest
from django.core.management import CommandError, call_command

from common.errors import InputErrors
from roster.models import Project, ProjectRole, Receipt
from roster.services.accounts import import_accounts
from roster.services.roles import import_roles
from tests.roster.conftest import ACCOUNTS, LATER, NOW, ROLES, Write

HEADER = "project,username,role,since\n"


@pytest.fixture(autouse=True)
def accounts(db: None, write: Write) -> None:
    import_accounts(path=write("accounts.csv", ACCOUNTS), actor="ops", now=NOW)


def live() -> list[tuple[str, str, str, date | None]]:
    roles = ProjectRole.objects.live().order_by("pk")
    return list(roles.values_list("project__normalized_name", "account__username", "role", "since"))


def test_roles_and_their_projects_are_created(write: Write) -> None:
    imported = import_roles(path=write("roles.csv", ROLES), actor="ops", now=NOW)
    assert (imported.is_new, imported.added, imported.snapshot.rows) == (True, 4, 4)
    assert live() == [
        ("alpha", "ada", "Owner", date(2019, 5, 1)),
        ("alpha", "Bob", "Maintainer", date(2022, 7, 1)),
        ("beta-two", "ada", "Maintainer", None),
        ("zeta", "crew", "Owner", date(2021, 1, 1)),
    ]
    assert not Project.objects.critical().exists()


def test_the_same_list_again_changes_nothing(write: Write) -> None:
    path = write("roles.csv", ROLES)
    import_roles(path=path, actor="ops", now=NOW)
    before = list(ProjectRole.objects.order_by("pk").values())
    again = import_roles(path=path, actor="ops", now=LATER)
    assert (again.is_new, again.added, again.changed, again.ended, again.unchanged) == (False, 0, 0, 0, 4)
    assert list(ProjectRole.objects.order_by("pk").values()) == before


def test_a_role_that_vanishes_is_ended_and_not_deleted(write: Write) -> None:
    import_roles(path=write("1.csv", ROLES), actor="ops", now=NOW)
    rest = ROLES.replace("alpha,bob,Maintainer,2022-07-01\n", "")
    imported = import_roles(path=write("2.csv", rest), actor="ops", now=LATER)
    assert (imported.ended, imported.unchanged) == (1, 3)
    ended = ProjectRole.objects.exclude(ended_on=None).get()
    assert (ended.account.username, ended.ended_on) == ("Bob", LATER.date())
    assert ("alpha", "Bob", "Maintainer", date(2022, 7, 1)) not in live()


def test_a_role_that_comes_back_is_a_new_one_even_by_a_file_seen_before(write: Write) -> None:
    first, second = (
        write("1.csv", ROLES),
        write("2.csv", ROLES.replace("alpha,bob,Maintainer,2022-07-01\n", "")),
    )
    import_roles(path=first, actor="ops", now=NOW)
    before = live()
    import_roles(path=second, actor="ops", now=NOW)
    imported = import_roles(path=first, actor="ops", now=LATER)
    assert (imported.is_new, imported.added) == (False, 1)
    assert sorted(live(), key=str) == sorted(before, key=str)
    assert ProjectRole.objects.filter(account__username="Bob").count() == 2


def test_a_corrected_date_is_taken_over(write: Write) -> None:
    import_roles(path=write("1.csv", ROLES), actor="ops", now=NOW)
    imported = import_roles(
        path=write("2.csv", ROLES.replace("2019-05-01", "2018-05-01")), actor="ops", now=LATER
    )
    assert (imported.added, imported.changed, imported.ended) == (0, 1, 0)
    assert live()[0][3] == date(2018, 5, 1)


def test_a_project_is_one_in_all_its_spellings(write: Write) -> None:
    rows = "My.Proj,ada,Owner,\nmy__proj,bob,Maintainer,\n"
    import_roles(path=write("roles.csv", HEADER + rows), actor="ops", now=NOW)
    project = Project.objects.get()
    assert (project.normalized_name, project.name) == ("my-proj", "My.Proj")


def test_an_account_may_be_owner_and_maintainer(write: Write) -> None:
    import_roles(path=write("r.csv", HEADER + "a,ada,Owner,\na,ada,Maintainer,\n"), actor="ops", now=NOW)
    assert len(live()) == 2


BAD = {
    "only a header": (HEADER, 1, None, "not a single role"),
    "no header": ("alpha,ada,Owner,2019-05-01\n", 1, "project", "missing from the header"),
    "an unknown role": (HEADER + "alpha,ada,Admin,\n", 2, "role", "'Admin'"),
    "a role in small letters": (HEADER + "alpha,ada,owner,\n", 2, "role", "'owner'"),
    "an unknown account": (
        HEADER + "alpha,ada,Owner,\nbeta,nobody,Owner,\n",
        3,
        "username",
        "no account nobody",
    ),
    "a role twice": (HEADER + "a.b,ada,Owner,\na-b,ADA,Owner,\n", 3, "role", "line 2 already"),
    "a bad date": (HEADER + "alpha,ada,Owner,2022-02-30\n", 2, "since", "2022-02-30"),
    "a bad project": (HEADER + "-alpha,ada,Owner,\n", 2, "project", "'-alpha'"),
    "a formula": (HEADER + "alpha,@ada,Owner,\n", 2, "username", "'@ada'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_list_is_refused_with_its_line_and_nothing_changes(name: str, write: Write) -> None:
    import_roles(path=write("before.csv", ROLES), actor="ops", now=NOW)
    before = list(ProjectRole.objects.order_by("pk").values())
    content, line, field, words = BAD[name]
    with pytest.raises(InputErrors) as refused:
        import_roles(path=write("bad.csv", content), actor="ops", now=LATER)
    (problem,) = refused.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert words in problem.problem
    assert list(ProjectRole.objects.order_by("pk").values()) == before
    assert Project.objects.count() == 3
    assert Receipt.objects.filter(snapshot__kind="roles").count() == 1


def test_the_command_exits_2_with_file_line_and_field(write: Write) -> None:
    path = write("bad.csv", HEADER + "alpha,nobody,Owner,\n")
    with pytest.raises(CommandError) as refused:
        call_command("import_roles", str(path))
    assert refused.value.returncode == 2
    assert f"{path}: line 2, field username:" in str(refused.value)
