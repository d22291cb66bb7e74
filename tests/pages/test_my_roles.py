"""My roles and the projects' pages: what people can say, what comes of it, and what no one else learns."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from fulfillment.claims.models import Campaign
from roster.models import Account, AccountEvent, Appeal, Delegation, Disclaimer, Project
from roster.services.appeals import decline_appeal, grant_appeal
from roster.services.exceptions import grant_exception
from roster.services.projects import rename_project
from roster.services.roles import import_roles
from tests.conftest import ROLES, Roster

pytestmark = pytest.mark.django_db
SignedIn = Callable[[str], Client]


def text(client: Client, path: str = "/me/standing/", **more: Any) -> str:
    answer = client.get(path, **more)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_an_appeal_runs_from_the_page_to_the_exception_and_back_to_the_page(
    roster: Roster, campaign: Campaign, stock: None, signed_in: SignedIn, now: datetime
) -> None:
    client = signed_in("m-guarded")
    assert "You cannot claim at the moment" in text(client, "/claim/")
    answer = client.post(
        "/me/standing/appeals/", {"rule": "two_factor", "text": "My only key broke."}, follow=True
    )
    assert "Your appeal has been sent" in answer.content.decode()
    appeal = Appeal.objects.get()
    assert "My only key broke." in text(client)
    grant_appeal(
        appeal_id=appeal.pk,
        answer="We are sorry to hear it.",
        expires_at=now + timedelta(days=30),
        actor="staff:1",
        now=now,
    )
    page = text(client)
    assert "We are sorry to hear it." in page
    assert "when a second member of staff has approved it" in page
    assert "You cannot claim at the moment" in text(client, "/claim/")
    exception = Appeal.objects.get().exception
    assert exception is not None
    grant_exception(exception_id=exception.pk, actor="staff:2", now=now)
    assert "Exceptions made for you" in text(client)
    assert "You may claim, m-guarded" in text(client, "/claim/")
    assert "An exception was made for you" in text(client, "/claim/")
    assert list(AccountEvent.objects.order_by("pk").values_list("name", "actor")) == [
        ("appealed", f"maintainer:{roster['m-guarded'].pk}"),
        ("exception_requested", "staff:1"),
        ("appeal_granted", "staff:1"),
        ("exception_granted", "staff:2"),
    ]


def test_a_declined_appeal_shows_its_answer_and_an_open_one_can_be_taken_back(
    roster: Roster, campaign: Campaign, signed_in: SignedIn, now: datetime
) -> None:
    client = signed_in("m-bystander")
    client.post("/me/standing/appeals/", {"rule": "on_critical_roster", "text": "I help a lot."})
    decline_appeal(appeal_id=Appeal.objects.get().pk, answer="Ask the owners.", actor="staff:1", now=now)
    assert "Ask the owners." in text(client)
    client.post("/me/standing/appeals/", {"rule": "on_critical_roster", "text": "I did ask."})
    second = Appeal.objects.get(state="open")
    stranger = signed_in("m-owner")
    stranger.post(f"/me/standing/appeals/{second.pk}/withdraw/")
    assert Appeal.objects.get(pk=second.pk).state == "open"
    client.post(f"/me/standing/appeals/{second.pk}/withdraw/")
    assert Appeal.objects.get(pk=second.pk).state == "withdrawn"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"rule": "two_factor", "text": " "}, "Enter a reason"),
        ({"rule": "one_claim", "text": "x"}, "Select a valid choice"),
        ({"rule": "two_factor", "text": "x" * 3000}, "at most 2000"),
    ],
)
def test_a_bad_appeal_is_shown_again_with_what_is_wrong(
    roster: Roster, campaign: Campaign, signed_in: SignedIn, data: dict[str, str], words: str
) -> None:
    answer = signed_in("m-guarded").post("/me/standing/appeals/", data)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Appeal.objects.exists()


def test_an_organisation_names_a_person_who_can_then_claim(
    roster: Roster, campaign: Campaign, stock: None, signed_in: SignedIn
) -> None:
    organisation, person = signed_in("m-org"), signed_in("m-bystander")
    assert "You cannot claim at the moment" in text(person, "/claim/")
    data = {"project": "keystone-lib", "username": "M-bystander"}
    answer = organisation.post("/me/standing/people/", data, follow=True)
    assert "m-bystander now counts as a maintainer of keystone-lib" in answer.content.decode()
    assert "You may claim, m-bystander" in text(person, "/claim/")
    assert "m-org named you for keystone-lib" in text(person, "/claim/")
    assert "keystone-lib, by m-org" in text(person)
    refused = organisation.post("/me/standing/people/", data)
    assert refused.status_code == 422
    assert "They are already named for the project." in refused.content.decode()
    made = Delegation.objects.get()
    signed_in("m-second").post(f"/me/standing/people/{made.pk}/end/")
    assert Delegation.objects.live().exists()
    person.post(f"/me/standing/people/{made.pk}/end/")
    assert not Delegation.objects.live().exists()
    assert "You cannot claim at the moment" in text(person, "/claim/")


def test_who_owns_no_critical_project_names_nobody(
    roster: Roster, campaign: Campaign, signed_in: SignedIn
) -> None:
    client = signed_in("m-bystander")
    assert "Name the people behind a project" not in text(client)
    answer = client.post("/me/standing/people/", {"project": "keystone-lib", "username": "m-owner"})
    assert answer.status_code == 422
    assert not Delegation.objects.exists()


def test_a_role_can_be_disclaimed_and_taken_back(
    roster: Roster, campaign: Campaign, stock: None, signed_in: SignedIn
) -> None:
    client, project = signed_in("m-owner"), Project.objects.get(normalized_name="keystone-lib")
    assert "I no longer maintain this" in text(client)
    client.post(f"/me/standing/projects/{project.pk}/", {"said": "no_longer"})
    assert Disclaimer.objects.live().get().kind == "no_longer"
    assert "You cannot claim at the moment" in text(client, "/claim/")
    client.post(f"/me/standing/projects/{project.pk}/", {"said": "mine"})
    assert "You may claim, m-owner" in text(client, "/claim/")
    answer = client.post("/me/standing/projects/999999/", {"said": "not_me"}, follow=True)
    assert "Nothing was changed" in answer.content.decode()


def test_people_say_where_they_are(roster: Roster, campaign: Campaign, signed_in: SignedIn) -> None:
    client = signed_in("m-owner")
    client.post("/me/standing/where/", {"country": "DE", "time_zone": "Europe/Berlin"})
    account = Account.objects.get(username="m-owner")
    assert (account.country, account.time_zone) == ("DE", "Europe/Berlin")
    for typed, said in (
        ({"country": "ZZ"}, "Choose a country from the list."),
        ({"country": "DE", "time_zone": "Europe/Atlantis"}, "Choose a time zone like Europe/Berlin."),
    ):
        answer = client.post("/me/standing/where/", typed)
        assert answer.status_code == 422
        assert said in answer.content.decode()
    assert 'value="Europe/Atlantis"' in answer.content.decode()
    account.refresh_from_db()
    assert (account.country, account.time_zone) == ("DE", "Europe/Berlin")


@pytest.mark.parametrize(
    "path", ["/me/standing/", "/me/standing/appeals/", "/me/standing/people/", "/me/standing/where/"]
)
def test_signed_out_people_are_sent_to_sign_in(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (302, 405)
    if answer.status_code == 405:
        assert client.post(path).status_code == 302


def test_a_projects_page_says_since_when_and_why_and_names_nobody(
    roster: Roster, client: Client, now: datetime
) -> None:
    page = text(client, "/projects/keystone-lib/")
    for words in ("Critical since", "Rank 1 by downloads", "1000000", "designated on", "received on"):
        assert words in page.replace(",", "") or words in page
    assert "m-owner" not in page
    assert client.get("/projects/Keystone_Lib/").headers["Location"] == "/projects/keystone-lib/"
    for nowhere in ("quiet-lib", "no-such"):
        answer = client.get(f"/projects/{nowhere}/")
        assert answer.status_code == 404
        assert "is not critical" in answer.content.decode()
    assert client.get("/projects/=x/").status_code == 404


def test_flags_show_on_the_projects_page(
    roster: Roster, client: Client, now: datetime, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.csv"
    gone.write_text("".join(row for row in ROLES.splitlines(keepends=True) if "keystone" not in row))
    import_roles(path=gone, actor="ops", now=now)
    back = tmp_path / "back.csv"
    back.write_text(ROLES)
    import_roles(path=back, actor="ops", now=now + timedelta(days=3))
    rename_project(name="keystone-lib", new_name="keystone-two", note="", actor="staff:1", now=now)
    page = text(client, "/projects/keystone-lib/")
    assert "recreated under the same name" in page
    assert 'href="/projects/keystone-two/"' in page
    assert "Renamed from keystone-lib" in text(client, "/projects/keystone-two/")


def test_projects_are_found_by_the_beginning_of_their_name(roster: Roster, client: Client) -> None:
    assert "critical since" in text(client, "/projects/", data={"q": "Key"})
    assert client.get("/projects/", {"q": "Keystone.Lib"}).headers["Location"] == "/projects/keystone-lib/"
    for nothing in ("quiet", "=", "ä"):
        assert "No critical project starts with this" in text(client, "/projects/", data={"q": nothing})
