"""From a person's or a project's page: exceptions asked for and revoked, projects designated and renamed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from common import clock
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.claims.eligibility import explain
from fulfillment.claims.models import Campaign
from roster.models import Account, AccountEvent, Designation, PolicyException, Project
from tests.conftest import Roster
from tests.desk.conftest import StaffWith
from tests.roster.conftest import published_from_a_draft

pytestmark = pytest.mark.usefixtures("roster")


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now):
        yield


def told() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("position").values_list("actor", "action", "subject"))


ASKED = {"rule": "two_factor", "reason": "Lost both keys.", "days": "30"}


def test_an_exception_goes_from_the_persons_page_to_the_decision_and_the_trail(
    roster: Roster, campaign: Campaign, staff_with: StaffWith, now: datetime
) -> None:
    rules = [{"rule": "two_factor", "allow": ["none"]}]
    campaign.policy = published_from_a_draft({"version": "strict", "rules": rules}, now=now)
    campaign.save()

    def outcome() -> str:
        return explain(account=roster["m-guarded"], campaign=campaign, country=None, now=now).decision.outcome

    robin, kim = staff_with(Role.REVIEWER), staff_with(Role.MANAGER, username="kim")
    assert "Request an exception" in robin.get("/desk/people/m-guarded/").content.decode()
    assert robin.post("/desk/people/M-Guarded/exceptions/", ASKED).status_code == 302
    asked = PolicyException.objects.get()
    assert (asked.requested_by, asked.expires_at) == ("staff:robin", now + timedelta(days=30))
    assert outcome() == "ineligible"
    assert kim.post(f"/desk/exceptions/{asked.pk}/", {"verdict": "grant"}).status_code == 302
    assert outcome() == "eligible"
    page = kim.get("/desk/people/m-guarded/").content.decode()
    assert "granted by staff:kim" in page
    assert robin.post(f"/desk/exceptions/{asked.pk}/revoke/", {"because": "x"}).status_code == 403
    assert kim.post(f"/desk/exceptions/{asked.pk}/revoke/", {"because": ""}).status_code == 302
    assert outcome() == "eligible"
    kim.post(f"/desk/exceptions/{asked.pk}/revoke/", {"because": "Keys were found."})
    assert outcome() == "ineligible"
    assert told() == [
        ("staff:robin", "exception_requested", "m-guarded"),
        ("staff:kim", "exception_granted", "m-guarded"),
        ("staff:kim", "exception_revoked", "m-guarded"),
    ]
    assert list(AccountEvent.objects.order_by("pk").values_list("name", flat=True)) == [
        "exception_requested",
        "exception_granted",
        "exception_revoked",
    ]


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"reason": ""}, 422, "The person sees it"),
        ({"rule": "one_claim"}, 422, "Select a valid choice"),
        ({"days": "0"}, 422, "greater than or equal to 1"),
        ({"days": "9" * 30}, 422, "less than or equal to 365"),
    ],
)
def test_an_exception_that_cannot_be_asked_for_says_why(
    changed: dict[str, str], status: int, said: str, staff_with: StaffWith
) -> None:
    answer = staff_with(Role.REVIEWER).post("/desk/people/m-owner/exceptions/", {**ASKED, **changed})
    assert (answer.status_code, said in answer.content.decode()) == (status, True)
    assert not PolicyException.objects.exists()
    assert told() == []


def test_the_same_is_not_asked_for_twice(staff_with: StaffWith) -> None:
    robin = staff_with(Role.REVIEWER)
    assert robin.post("/desk/people/m-owner/exceptions/", ASKED).status_code == 302
    assert robin.post("/desk/people/m-owner/exceptions/", ASKED).status_code == 409
    assert PolicyException.objects.count() == len(told()) == 1


def test_a_project_is_made_critical_by_hand_with_a_reason(staff_with: StaffWith, now: datetime) -> None:
    manager = staff_with(Role.MANAGER)
    assert manager.post("/desk/projects/quiet-lib/designate/", {"reason": " "}).status_code == 422
    assert Project.objects.get(normalized_name="quiet-lib").critical_since is None
    answer = manager.post("/desk/projects/quiet-lib/designate/", {"reason": "The resolver needs it."})
    assert answer.status_code == 302
    assert Project.objects.get(normalized_name="quiet-lib").critical_since == now.date()
    made = Designation.objects.get(reason="by_hand")
    assert (made.note, made.designated_by) == ("The resolver needs it.", "staff:robin")
    assert told() == [("staff:robin", "project_designated", "quiet-lib")]


def test_a_renamed_project_takes_its_status_along(staff_with: StaffWith) -> None:
    manager, url = staff_with(Role.MANAGER), "/desk/projects/keystone-lib/rename/"
    assert manager.post(url, {"new_name": "Keystone_Lib"}).status_code == 422
    assert manager.post(url, {"new_name": "архив"}).status_code == 422
    assert told() == []
    answer = manager.post(url, {"new_name": "Keystone.Next", "note": "announced"})
    assert answer["Location"] == "/desk/projects/keystone-next/"
    old, new = (Project.objects.get(normalized_name=f"keystone-{end}") for end in ("lib", "next"))
    assert old.critical_since == new.critical_since
    assert "got another name" in manager.get("/desk/projects/keystone-lib/").content.decode()
    assert told() == [("staff:robin", "project_renamed", "keystone-lib")]


def test_the_persons_page_takes_a_fixed_number_of_queries(staff_with: StaffWith, now: datetime) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    robin = staff_with(Role.REVIEWER)
    with CaptureQueriesContext(connection) as before:
        robin.get("/desk/people/m-owner/")
    PolicyException.objects.bulk_create(
        PolicyException(
            account=Account.objects.get(username="m-owner"), rule="two_factor", reason="x", requested_by="s",
            requested_at=now, expires_at=now + timedelta(days=n + 1), ended_at=now, ended_by="s",
            ended_because="x",
        )
        for n in range(5)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as after:
        robin.get("/desk/people/m-owner/")
    assert len(after) == len(before)
