"""Waves: who is in one, when they are invited, and what the rule `wave_invited` makes of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from common.errors import BadRequest
from fulfillment.claims.campaigns.invitations import Cohort, cancel_wave, invite_due_waves, plan_wave
from fulfillment.claims.eligibility import explain
from fulfillment.claims.errors import UnknownWave
from fulfillment.claims.models import Campaign, Invitation, Wave
from fulfillment.notices.models import Notice
from roster.models import Account, Disclaimer, Project
from roster.services.delegations import delegate
from roster.services.preferences import disclaim_role, do_not_contact, opt_out
from tests.conftest import Roster
from tests.roster.conftest import published_from_a_draft

pytestmark = pytest.mark.django_db


def plan(campaign: Campaign, now: datetime, name: str = "first", **cohort: Any) -> Wave:
    return plan_wave(
        campaign=campaign, name=name, cohort=Cohort(**cohort), invites_at=now, actor="staff:1", now=now
    )


def members(wave: Wave) -> list[str]:
    return list(wave.invitations.order_by("account__username").values_list("account__username", flat=True))


@pytest.mark.parametrize(
    ("cohort", "expected"),
    [
        ({"first_rank": 1, "last_rank": 1}, ["m-guarded", "m-owner", "m-second"]),
        ({"first_rank": 2}, []),
        ({"projects": ["Keystone_Lib"]}, ["m-guarded", "m-owner", "m-second"]),
        ({"projects": ["quiet-lib"]}, []),
        ({"countries": ["DE"]}, ["m-second"]),
        ({"usernames": ["M-Owner", "m-bystander"]}, ["m-owner"]),
        ({"last_rank": 1, "countries": ["DE"]}, ["m-second"]),
    ],
)
def test_a_cohort_is_by_rank_project_country_or_list(
    roster: Roster, campaign: Campaign, now: datetime, cohort: dict[str, Any], expected: list[str]
) -> None:
    Account.objects.filter(username="m-second").update(country="DE")
    if expected:
        assert members(plan(campaign, now, **cohort)) == expected
    else:
        with pytest.raises(BadRequest):
            plan(campaign, now, **cohort)
        assert not Wave.objects.exists()


def test_who_is_named_for_a_project_is_in_its_waves_and_who_disclaims_it_is_not(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    delegate(
        delegated_by=roster["m-org"],
        project="keystone-lib",
        username="m-bystander",
        actor="maintainer:1",
        now=now,
    )
    disclaim_role(
        account=roster["m-second"],
        project_id=Project.objects.get(normalized_name="keystone-lib").pk,
        kind=Disclaimer.Kind.NOT_ME,
        actor="maintainer:2",
        now=now,
    )
    assert members(plan(campaign, now, first_rank=1)) == ["m-bystander", "m-guarded", "m-owner"]
    assert invite_due_waves(now=now) == 3
    invited = Notice.objects.get(account=roster["m-bystander"])
    assert invited.context["projects"] == ["keystone-lib"]


def test_members_are_invited_once_and_only_then_the_rule_passes(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    rules = [{"rule": "wave_invited"}]
    campaign.policy = published_from_a_draft({"version": "waves", "rules": rules}, now=now)
    campaign.save()
    owner = roster["m-owner"]

    def outcome() -> str:
        return explain(account=owner, campaign=campaign, country=None, now=now).decision.outcome

    plan(campaign, now, usernames=["m-owner"])
    assert outcome() == "ineligible"
    assert invite_due_waves(now=now) == 1
    assert invite_due_waves(now=now) == 0
    assert outcome() == "eligible"
    notice = Notice.objects.get()
    assert (notice.template, notice.account, notice.context["projects"]) == (
        "invitation",
        owner,
        ["keystone-lib"],
    )


def test_invitations_arrive_in_working_hours_of_where_people_are(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    Account.objects.filter(username="m-owner").update(country="JP")
    saturday = datetime.fromisoformat("2022-07-16T12:00:00+00:00")
    plan(campaign, saturday, usernames=["m-owner"])
    invite_due_waves(now=saturday)
    due = Notice.objects.get().due_at
    in_japan = due + timedelta(hours=9)
    assert in_japan.weekday() < 5
    assert 8 <= in_japan.hour < 18


def test_nobody_is_written_to_who_asked_not_to_be_and_nobody_is_in_who_opted_out(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    do_not_contact(account=roster["m-owner"], actor="maintainer:1", now=now)
    opt_out(account=roster["m-second"], actor="maintainer:1", now=now)
    wave = plan(campaign, now, last_rank=1)
    assert members(wave) == ["m-guarded", "m-owner"]
    assert invite_due_waves(now=now) == 2
    assert list(Notice.objects.values_list("account__username", flat=True)) == ["m-guarded"]
    assert not Invitation.objects.get(account=roster["m-owner"]).was_mailed


def test_a_person_is_in_one_wave_and_a_cancelled_one_frees_them(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    first = plan(campaign, now + timedelta(days=1), usernames=["m-owner"])
    assert members(plan(campaign, now, "second", last_rank=1)) == ["m-guarded", "m-second"]
    with pytest.raises(IntegrityError, match="in_one_wave_of_a_campaign"), transaction.atomic():
        Invitation.objects.create(campaign=campaign, wave=first, account=roster["m-second"])
    assert invite_due_waves(now=now) == 2
    cancel_wave(wave_id=first.pk, actor="staff:1", now=now)
    assert invite_due_waves(now=now + timedelta(days=2)) == 0
    with pytest.raises(UnknownWave):
        cancel_wave(wave_id=first.pk, actor="staff:1", now=now)
    assert members(plan(campaign, now, "third", usernames=["m-owner"])) == ["m-owner"]


@pytest.mark.parametrize(
    ("name", "cohort", "field"),
    [
        ("", {"last_rank": 1}, "name"),
        ("first", {}, "cohort"),
        ("first", {"countries": ["ZZ"]}, "countries"),
        ("first", {"usernames": ["m-owner", "nobody"]}, "usernames"),
    ],
)
def test_a_wave_that_cannot_be_names_its_field(
    roster: Roster, campaign: Campaign, now: datetime, name: str, cohort: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        plan(campaign, now, name, **cohort)
    assert [error.field for error in refused.value.errors] == [field]


def test_two_waves_of_one_name_are_refused(roster: Roster, campaign: Campaign, now: datetime) -> None:
    plan(campaign, now, usernames=["m-owner"])
    with pytest.raises(BadRequest):
        plan(campaign, now, usernames=["m-second"])
