"""The programme's pages: campaigns, policies with two names, waves; each change with its before and after."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from common import clock
from desk.forms.policy_form import HELP, KINDS, LABELS
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.claims.models import Campaign, Wave
from roster.models import Policy
from roster.rules import RULES, parse_policy
from tests.conftest import Roster
from tests.desk.conftest import StaffWith
from tests.desk.forms import form_at


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now):
        yield


def test_a_campaign_is_changed_with_its_before_and_after(campaign: Campaign, staff_with: StaffWith) -> None:
    client, url = staff_with(Role.MANAGER), f"/desk/programme/campaigns/{campaign.slug}/"
    form = form_at(client, url)
    assert client.post(url, form | {"per_claim": "1"}).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before, entry.after) == (
        "campaign_changed",
        {"per_claim": 2},
        {"per_claim": 1},
    )
    # The form opened before is out of date now, whoever sends it.
    again = client.post(url, form | {"per_claim": "5"})
    assert (again.status_code, "Someone else has changed per_claim" in again.content.decode()) == (409, True)
    campaign.refresh_from_db()
    assert campaign.per_claim == 1


@pytest.mark.parametrize(
    "wrong", [{"closes_at": "2000-01-01T00:00:00"}, {"per_claim": "0"}, {"seen": "forged"}, {"policy": "0"}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, str], campaign: Campaign, staff_with: StaffWith) -> None:
    client, url = staff_with(Role.MANAGER), f"/desk/programme/campaigns/{campaign.slug}/"
    form = form_at(client, url)
    assert client.post(url, form | wrong).status_code == 422
    assert not AuditEntry.objects.exists()


def test_a_policy_is_drafted_previewed_and_published_by_somebody_else(
    roster: Roster, campaign: Campaign, staff_with: StaffWith
) -> None:
    robin, kim = staff_with(Role.MANAGER), staff_with(Role.MANAGER, username="kim")
    document: dict[str, Any] = dict(campaign.policy.document) | {"version": "autumn"}
    document["rules"] = [rule for rule in document["rules"] if rule["rule"] != "two_factor"]
    url = "/desk/programme/policies/autumn/"
    assert robin.post(url, {"document": "{"}).status_code == 422
    assert robin.post(url, {"document": '{"version": "x", "rules": [{"rule": "no"}]}'}).status_code == 422
    assert robin.post(url, {"document": json.dumps(document)}).status_code == 302
    assert "No longer asks for" in robin.get(url).content.decode()
    assert robin.post(f"{url}publish/").status_code == 409
    assert "previewed" in kim.post(f"{url}publish/").content.decode().lower()
    assert "m-guarded" in robin.post(f"{url}preview/").content.decode()
    assert kim.post(f"{url}publish/").status_code == 302
    assert Policy.objects.get(version="autumn").published_by == "staff:kim"
    assert robin.post(url, {"document": json.dumps(document)}).status_code == 422
    actions = AuditEntry.objects.order_by("position").values_list("actor", "action")
    assert list(actions) == [("staff:robin", "policy_drafted"), ("staff:kim", "policy_published")]


def test_a_wave_is_planned_and_called_off(roster: Roster, campaign: Campaign, staff_with: StaffWith) -> None:
    client, url = staff_with(Role.MANAGER), "/desk/programme/waves/"
    form = {"campaign": campaign.slug, "name": "First", "invites_at": "2022-08-01T09:00:00"}
    assert client.post(url, form).status_code == 422
    assert client.post(url, form | {"usernames": "nobody"}).status_code == 422
    assert client.post(url, form | {"usernames": "m-owner, m-second"}).status_code == 302
    wave = Wave.objects.get()
    assert wave.invitations.count() == 2
    client.post(url, {"cancel": wave.pk})
    client.post(url, {"cancel": wave.pk})
    wave.refresh_from_db()
    assert wave.cancelled_by == "staff:robin"
    assert client.get("/desk/programme/").status_code == 200
    actions = AuditEntry.objects.order_by("position").values_list("action", flat=True)
    assert list(actions) == ["wave_planned", "wave_cancelled"]


class TestThePolicyAsAForm:
    URL = "/desk/programme/policies/autumn/"

    @pytest.fixture
    def form(self, campaign: Campaign, staff_with: StaffWith) -> dict[str, Any]:
        """The form of the policy in force, for a version of its own."""
        self.robin = staff_with(Role.MANAGER)
        url = f"/desk/programme/policies/{campaign.policy.version}/"
        return form_at(self.robin, url, form=1) | {"version": "autumn"}

    def test_as_it_stands_it_is_the_policy_in_force(self, form: dict[str, Any], campaign: Campaign) -> None:
        assert self.robin.post(self.URL, form).status_code == 302
        drafted, running = Policy.objects.get(version="autumn").document, campaign.policy.document
        assert parse_policy(drafted).rules == parse_policy(running).rules

    def test_a_change_is_said_in_words_before_it_is_kept(
        self, form: dict[str, Any], campaign: Campaign
    ) -> None:
        url = f"/desk/programme/policies/{campaign.policy.version}/"
        changed = {**form, "role_age-asked": "on", "role_age-min_days": "30", "role_age-on_fail": "review"}
        del changed["two_factor-asked"]
        shown = self.robin.post(url, changed | {"do": "show"}).content.decode()
        assert "No longer asks for the state of two-factor authentication" in shown
        assert "Newly asks for the age of the role (role_age, min_days 30)" in shown
        assert not Policy.objects.filter(version="autumn").exists()
        assert self.robin.post(url, changed).status_code == 302
        entry = AuditEntry.objects.get()
        assert entry.subject == "autumn"
        assert {"rule": "role_age", "min_days": 30, "on_fail": "review"} in entry.after["rules"]

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("two_factor-allow", "pin", "is not a two-factor state"),
            ("roster_fresh-max_age_hours", "soon", "is not a number above 0"),
            ("roster_fresh-max_age_hours", "", "is missing"),
            ("version", "no/slash", "is not a version"),
            ("two_factor-place", "first", "whole number"),
        ],
    )
    def test_what_cannot_be_is_said_at_its_field(
        self, field: str, value: str, said: str, form: dict[str, Any]
    ) -> None:
        wrong = form | {"roster_fresh-asked": "on", "roster_fresh-max_age_hours": "48"} | {field: value}
        page = self.robin.post(self.URL, wrong)
        assert page.status_code == 422
        (errors,) = [errors for name, errors in page.context["form"].errors.items() if name == field]
        assert said in " ".join(errors)
        assert not Policy.objects.filter(version="autumn").exists()

    def test_a_draft_somebody_changed_meanwhile_is_left_alone(
        self, form: dict[str, Any], staff_with: StaffWith
    ) -> None:
        kim = staff_with(Role.MANAGER, username="kim")
        assert kim.post(self.URL, form | {"note": "Kim's."}).status_code == 302
        # Robin's form was opened when there was no draft of this name.
        answer = self.robin.post(self.URL, form | {"note": "Robin's."})
        assert (answer.status_code, "since you opened" in answer.content.decode()) == (409, True)
        opened = form_at(self.robin, self.URL, form=2)
        assert (
            kim.post(self.URL, form_at(kim, self.URL, form=2) | {"note": "Kim's second."}).status_code == 302
        )
        assert self.robin.post(self.URL, opened | {"note": "Robin's."}).status_code == 409
        assert Policy.objects.get(version="autumn").document["note"] == "Kim's second."

    def test_every_parameter_of_every_rule_has_its_kind(self) -> None:
        params = {param for rule in RULES.values() for param in rule.params}
        assert params == set(KINDS) == set(LABELS)
        assert {rule for rule, _ in HELP} <= set(RULES)
