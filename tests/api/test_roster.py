"""What an index pushes and reads, and policies by two tokens."""

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment.claims.models import Campaign
from roster.models import Account, HeldList, PolicyPreview, ProjectRole, Snapshot, TwoFactorObservation
from tests.api.conftest import Caller, assert_problem, bad_fields
from tests.conftest import Roster

pytestmark = pytest.mark.django_db
ADA = {
    "email": "ada@example.org",
    "email_verified": True,
    "joined_at": "2014-02-03T00:00:00Z",
    "has_totp": False,
    "has_webauthn": True,
}


def test_an_account_is_pushed_and_a_changed_state_observed(caller: Caller, roster: Roster) -> None:
    before = TwoFactorObservation.objects.count()
    answer = caller.put("/roster/accounts/M-OWNER", ADA)
    assert answer.status_code == 200
    assert (answer.json()["username"], answer.json()["has_webauthn"]) == ("M-OWNER", True)
    assert "email" not in answer.json()
    account = Account.objects.get(pk=roster["m-owner"].pk)
    assert (account.has_webauthn, account.email) == (True, "ada@example.org")
    assert TwoFactorObservation.objects.count() == before + 1
    caller.put("/roster/accounts/M-OWNER", ADA)
    assert TwoFactorObservation.objects.count() == before + 1
    assert caller.put("/roster/accounts/newcomer", ADA).status_code == 200
    assert Account.objects.filter(username="newcomer").exists()


@pytest.mark.parametrize(
    ("username", "changed", "field"),
    [
        ("ada", {"has_totp": "yes"}, "has_totp"),
        ("ada", {"joined_at": "2014-02-03"}, "joined_at"),
        ("ada", {"shoe_size": 43}, "shoe_size"),
        ("ada", {"email": "nonsense"}, "email"),
        ("ada", {"email": ""}, "email_verified"),
        ("аda", {}, "username"),  # the first letter is Cyrillic
    ],
)
def test_a_bad_account_names_its_field_and_changes_nothing(
    caller: Caller, roster: Roster, username: str, changed: dict[str, Any], field: str
) -> None:
    answer = caller.put(f"/roster/accounts/{username}", {**ADA, **changed})
    assert field in bad_fields(assert_problem(answer, 422, "invalid"))
    assert not Account.objects.filter(username=username).exists()


ROLES: list[dict[str, Any]] = [
    {"project": "keystone-lib", "username": "m-owner", "role": "Owner", "since": "2014-03-01"},
    {"project": "new-lib", "username": "m-second", "role": "Maintainer", "since": None},
]


def test_a_list_is_pushed_whole_and_the_same_again_is_the_same_snapshot(
    caller: Caller, roster: Roster
) -> None:
    body = {"kind": "roles", "source": "nightly", "rows": ROLES}
    answer = caller.post("/roster/snapshots", body)
    assert answer.status_code == 201
    document = answer.json()
    assert (document["rows"], document["added"], document["is_new"]) == (2, 1, True)
    assert ProjectRole.objects.live().count() == 2
    again = caller.post("/roster/snapshots", {**body, "rows": [dict(reversed(r.items())) for r in ROLES]})
    assert (again.json()["is_new"], again.json()["sha256"]) == (False, document["sha256"])
    snapshot = Snapshot.objects.get(sha256=document["sha256"])
    assert (snapshot.source, snapshot.imported_by) == ("nightly", "token:index-sync")


def test_downloads_come_with_their_days(caller: Caller, roster: Roster) -> None:
    rows = [{"project": "alpha", "download_count": 5}, {"project": "beta", "download_count": 1}]
    body = {"kind": "downloads", "rows": rows, "window_start": "2022-01-01", "window_end": "2022-06-30"}
    assert caller.post("/roster/snapshots", body).json()["added"] == 2
    half = caller.post("/roster/snapshots", {**body, "window_end": None})
    assert "window_end" in bad_fields(assert_problem(half, 422, "invalid"))
    other = caller.post("/roster/snapshots", {**body, "window_end": "2022-06-29"})
    assert_problem(other, 409, "snapshot_window_differs")


def test_bad_rows_are_named_by_place_and_the_roster_stays(caller: Caller, roster: Roster) -> None:
    before = list(ProjectRole.objects.order_by("pk").values())
    bad = [
        *ROLES,
        {"project": "=x", "username": "m-owner", "role": "Owner", "since": None},
        {"project": "x", "username": "m-owner", "role": "Boss", "since": None},
        {"project": "x", "username": "m-owner", "role": "Owner", "since": "2022-13-01"},
    ]
    answer = caller.post("/roster/snapshots", {"kind": "roles", "rows": bad})
    found = bad_fields(assert_problem(answer, 422, "invalid"))
    assert set(found) == {"rows.2.project", "rows.3.role", "rows.4.since"}
    unknown = [{**ROLES[0], "username": "stranger"}]
    answer = caller.post("/roster/snapshots", {"kind": "roles", "rows": unknown})
    assert set(bad_fields(assert_problem(answer, 422, "invalid"))) == {"rows.0.username"}
    assert list(ProjectRole.objects.order_by("pk").values()) == before


def test_a_list_that_shrinks_the_roster_is_held(caller: Caller, roster: Roster) -> None:
    many = [{**ROLES[0], "project": f"p{n}"} for n in range(40)]
    assert caller.post("/roster/snapshots", {"kind": "roles", "rows": many}).status_code == 201
    answer = caller.post("/roster/snapshots", {"kind": "roles", "rows": many[:20]})
    assert "approve_list" in assert_problem(answer, 409, "list_held")["detail"]
    assert ProjectRole.objects.live().count() == 40
    assert HeldList.objects.get().held_by == "token:index-sync"


def test_critical_projects_are_listed_with_their_reasons(
    caller: Caller, roster: Roster, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        document = caller.get("/roster/projects").json()
    (project,) = document["items"]
    assert (project["normalized_name"], project["flags"], document["next"]) == ("keystone-lib", [], None)
    assert project["reasons"] == [
        {
            "reason": "top_downloads",
            "designated_on": "2022-07-11",
            "rank": 1,
            "downloads": 1000000,
            "note": "",
        }
    ]


def test_each_call_needs_its_scope(secret: Callable[..., str], roster: Roster, anonymous: Caller) -> None:
    reader = Caller(secret("roster:read", name="reader"))
    assert reader.get("/roster/projects").status_code == 200
    assert_problem(reader.put("/roster/accounts/ada", ADA), 403, "missing_scope")
    assert_problem(reader.post("/roster/snapshots", {"kind": "roles", "rows": ROLES}), 403, "missing_scope")
    assert_problem(reader.get("/policies"), 403, "missing_scope")
    assert_problem(anonymous.get("/roster/projects"), 401, "unauthenticated")


OPEN = {"version": "open-to-all", "rules": [{"rule": "on_critical_roster"}]}


def test_a_policy_is_drafted_previewed_and_published_by_two_tokens(
    caller: Caller, secret: Callable[..., str], roster: Roster, campaign: Campaign
) -> None:
    second = Caller(secret("policies:write", name="second"))
    assert caller.post("/policies", OPEN).status_code == 201
    assert_problem(second.post("/policies/open-to-all/publish", {}), 409, "policy_not_previewed")
    preview = caller.post("/policies/open-to-all/preview").json()
    assert (preview["gained"], preview["lost"]) == (["m-guarded"], [])
    assert preview["counts"]["people"] == 5
    assert PolicyPreview.objects.get().previewed_by == "token:index-sync"
    assert_problem(caller.post("/policies/open-to-all/publish", {}), 409, "self_approval")
    published = second.post("/policies/open-to-all/publish", {})
    assert (published.status_code, published.json()["published_by"]) == (200, "token:second")
    assert_problem(caller.post("/policies", OPEN), 409, "policy_already_published")
    versions = [policy["version"] for policy in caller.get("/policies").json()["items"]]
    assert versions == ["keydesk-default", "open-to-all"]


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ([{"rule": "shoe_size"}], "rules.0.rule"),
        ([{"rule": "two_factor", "allow": ["sms"]}], "rules.0.allow.0"),
        ([{"rule": "region", "allow": ["ZZ"]}], "rules.0.allow.0"),
        ([{"rule": "one_claim"}, {"rule": "one_claim"}], "rules.1.rule"),
        ([{"rule": "role_age", "min_days": -1}], "rules.0.min_days"),
    ],
)
def test_a_bad_policy_is_422_and_names_its_place(
    caller: Caller, rules: list[dict[str, Any]], field: str
) -> None:
    answer = caller.post("/policies", {"version": "bad", "rules": rules})
    assert set(bad_fields(assert_problem(answer, 422, "invalid"))) == {field}
    assert caller.get("/policies").json()["items"] == []


def test_a_preview_of_nobody_and_of_nothing(caller: Caller, campaign: Campaign) -> None:
    assert_problem(caller.post("/policies/none/preview"), 404, "unknown_policy")
    caller.post("/policies", OPEN)
    assert_problem(caller.post("/policies/open-to-all/preview"), 422, "empty_roster")
