"""Who gains and who loses by another policy, over the whole roster; and telling those newly admitted."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from common.errors import BadRequest
from fulfillment.claims.campaigns.invitations import email_invitation
from fulfillment.claims.campaigns.policy_preview import preview_draft, preview_over_the_roster
from fulfillment.claims.campaigns.reevaluation import REEVALUATE, adopt_policy, reevaluate
from fulfillment.claims.campaigns.regions import load_regions
from fulfillment.claims.eligibility import explain, facts_for
from fulfillment.claims.models import Admission, Campaign, PolicyAdoption
from fulfillment.claims.roster_facts import facts_of_roster
from fulfillment.notices.models import Notice
from roster.models import Account
from roster.policies import shipped_policy
from roster.rules import parse_policy
from roster.services.policies import draft_policy, publish_draft, publish_policy
from roster.services.preferences import do_not_contact, opt_out, set_location
from tests.conftest import MakeClaim, Roster, import_roster

pytestmark = pytest.mark.django_db
V1, V2, V3 = (shipped_policy(version) for version in ("2022-06-21", "2022-08-25", "2022-09-23"))

HEADER = "username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization\n"
STATES = [(totp, webauthn) for totp in (False, True) for webauthn in (False, True)]


@pytest.fixture
def mixed_roster(db: None, tmp_path: Path, now: datetime) -> Roster:
    """Every two-factor state, on a critical project, on another and on none, three of each."""
    accounts, roles = [HEADER], ["project,username,role,since\n"]
    for totp, webauthn in STATES:
        for place in ("keystone-lib", "quiet-lib", ""):
            for number in range(3):
                name = f"u-{place[:3] or 'no'}-{'t' if totp else '-'}{'w' if webauthn else 'x'}-{number}"
                flags = f"{str(totp).lower()},{str(webauthn).lower()}"
                accounts.append(f"{name},{name}@example.org,true,2015-01-01T00:00:00Z,{flags},false\n")
                if place:
                    roles.append(f"{place},{name},{'Owner' if number else 'Maintainer'},2016-01-01\n")
    return import_roster(tmp_path, now=now, accounts="".join(accounts), roles="".join(roles))


TOTP_USERS_OF_CRITICAL = [f"u-key-tx-{number}" for number in range(3)]


def write_policy(directory: Path, document: Any) -> str:
    path = directory / "policy.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_from_the_first_to_the_second_policy_of_2022_exactly_the_totp_users_gain(
    mixed_roster: Roster, tmp_path: Path, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_policy(document=V1, actor="staff", now=now)
    call_command("preview_policy", "--policy", write_policy(tmp_path, V2), "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["gained"] == TOTP_USERS_OF_CRITICAL
    assert document["lost"] == []
    assert document["counts"] == {"people": 36, "gained": 3, "lost": 0, "unchanged": 33}
    assert document["difference"] == ["two_factor: allow gains totp."]
    assert document["by_rule"]["two_factor"] == {
        "fails_before": 27,
        "fails_after": 18,
        "reviews_before": 0,
        "reviews_after": 0,
        "gained": 3,
        "lost": 0,
    }
    assert document["by_region"] == {"not known": {"gained": 3, "lost": 0, "unchanged": 33}}
    call_command("preview_policy", "--policy", write_policy(tmp_path, V2))
    said = capsys.readouterr().out
    assert "gained: u-key-tx-0, u-key-tx-1, u-key-tx-2\n" in said
    assert "36 people: 3 gain, 0 lose, 33 unchanged." in said


def test_the_preview_is_what_explain_says_one_by_one(
    mixed_roster: Roster, campaign: Campaign, stock: None, now: datetime
) -> None:
    Account.objects.filter(username__endswith="0").update(country="DE")
    Account.objects.filter(username__endswith="1").update(country="NO")
    proposed = parse_policy({**V3, "version": "mine"})
    found = preview_over_the_roster(proposed=proposed, campaign=campaign, now=now)
    for account in Account.objects.exclude(country=""):
        explained = explain(account=account, campaign=campaign, country=account.country, now=now)
        was = explained.decision.outcome != "ineligible"
        becomes = (account.has_webauthn is False) and account.country == "DE"
        change = "unchanged" if was == becomes else "gained" if becomes else "lost"
        assert account.username in getattr(found, change)
    assert set(found.by_region) == {"DE", "NO", "not known"}


def test_facts_in_bulk_are_the_facts_one_by_one(
    roster: Roster, campaign: Campaign, stock: None, make_claim: MakeClaim, now: datetime
) -> None:
    make_claim("m-owner")
    in_bulk = {facts.username: facts for facts in facts_of_roster(campaign=campaign, now=now)}
    assert set(in_bulk) == set(roster)
    for name, account in roster.items():
        bulk = in_bulk[name]
        alone = facts_for(account=account, campaign=campaign, country=bulk.country, now=now)
        # A preview takes for granted what only a claim brings, and knows everybody's invitation.
        for field in (
            "joined_at",
            "roles",
            "live_claims",
            "region",
            "campaign",
            "roster_taken_at",
            "opted_out",
        ):
            assert getattr(bulk, field) == getattr(alone, field), field


def test_the_queries_of_a_preview_do_not_grow_with_the_roster(
    mixed_roster: Roster, campaign: Campaign, now: datetime, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        preview_over_the_roster(proposed=parse_policy(V2), campaign=campaign, now=now)


def test_an_empty_roster_and_a_bad_policy_exit_2(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for document, words in (
        (V2, "The roster is empty. Run import_accounts"),
        ({"version": "x", "rules": [{"rule": "shoe_size"}]}, "rules[0].rule"),
        ({"version": "x", "rules": [{"rule": "one_claim"}, {"rule": "one_claim"}]}, "named twice"),
        ({"version": "x", "rules": [{"rule": "region", "allow": ["ZZ"]}]}, "rules[0].allow[0]"),
        ({"version": "x", "rules": [{"rule": "one_claim", "most": 1}]}, "rules[0].most"),
    ):
        with pytest.raises(CommandError) as refused:
            call_command("preview_policy", "--policy", write_policy(tmp_path, document))
        assert refused.value.returncode == 2
        assert words in str(refused.value)


def in_force(document: Any, campaign: Campaign, now: datetime) -> str:
    """Draft, preview and publish as two people do."""
    version = draft_policy(document=document, actor="staff:1", now=now).version
    found, kept = preview_draft(version=version, campaign=campaign, actor="staff:1", now=now)
    assert kept.counts == found.counts
    publish_draft(version=version, actor="staff:2", now=now)
    return version


def opened_to_webauthn(campaign: Campaign) -> Any:
    rules = [
        {**rule, "allow": ["none", "totp", "webauthn"]} if rule["rule"] == "two_factor" else rule
        for rule in campaign.policy.document["rules"]
    ]
    return {"version": "open-to-all", "rules": rules}


def told() -> list[tuple[str, str]]:
    notices = Notice.objects.filter(template__in=["now_eligible", "invitation"]).order_by("account__username")
    return list(notices.values_list("template", "account__username"))


def test_a_policy_that_is_taken_up_is_told_to_those_newly_admitted_once(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    version = in_force(opened_to_webauthn(campaign), campaign, now)
    adopt_policy(campaign_slug=campaign.slug, version=version, actor="staff:2", now=now)
    job = ProcrastinateJob.objects.get(task_name=REEVALUATE)
    adoption = PolicyAdoption.objects.get()
    assert job.args == {"campaign_id": campaign.pk, "adoption_id": adoption.pk}
    assert reevaluate(**job.args, now=now) == 1
    assert told() == [("now_eligible", "m-guarded")]
    # A worker that died and comes back, and every later night, say nothing more.
    Admission.objects.all().delete()
    reevaluate(**job.args, now=now)
    reevaluate(campaign_id=campaign.pk, now=now + timedelta(days=1))
    assert told() == [("now_eligible", "m-guarded")]


def test_who_does_not_want_mail_or_takes_no_part_is_not_told(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    version = in_force(opened_to_webauthn(campaign), campaign, now)
    do_not_contact(account=roster["m-guarded"], actor="maintainer:1", now=now)
    adopt_policy(campaign_slug=campaign.slug, version=version, actor="staff:2", now=now)
    assert reevaluate(**ProcrastinateJob.objects.get(task_name=REEVALUATE).args, now=now) == 0
    assert told() == []


def test_the_roster_makes_people_eligible_and_they_are_invited_once(
    roster: Roster, campaign: Campaign, now: datetime
) -> None:
    assert reevaluate(campaign_id=campaign.pk, now=now) == 0
    Account.objects.filter(username="m-guarded").update(has_webauthn=False)
    assert reevaluate(campaign_id=campaign.pk, now=now) == 1
    assert told() == [("invitation", "m-guarded")]
    opt_out(account=roster["m-guarded"], actor="maintainer:1", now=now)
    reevaluate(campaign_id=campaign.pk, now=now)
    Account.objects.filter(username="m-guarded").update(opted_out_at=None)
    reevaluate(campaign_id=campaign.pk, now=now)
    assert told() == [("invitation", "m-guarded")]


@pytest.mark.parametrize("was_invited", [True, False], ids=["invited before", "never invited"])
def test_who_named_a_country_that_opens_is_told_once(
    was_invited: bool, roster: Roster, campaign: Campaign, now: datetime
) -> None:
    """As the refusal promises (`region`, `waitlist`), even to those whose invitation came too early."""
    waits: dict[str, Any] = {
        "country": "PT",
        "status": "waitlist",
        "reason": "A carrier is being found.",
        "source": "tests",
    }
    waits |= {"promised_days": 0, "ceiling_cents": 0}
    load_regions(document={"regions": [waits]}, now=now)
    if was_invited:
        email_invitation(account=roster["m-owner"], campaign=campaign, projects=["keystone-lib"], now=now)
    set_location(account=roster["m-owner"], country="PT", time_zone="", actor="maintainer:1", now=now)
    assert reevaluate(campaign_id=campaign.pk, now=now) == 0
    later = now + timedelta(days=1)
    load_regions(document={"regions": [waits | {"status": "open", "promised_days": 9}]}, now=later)
    before = told()
    assert reevaluate(campaign_id=campaign.pk, now=later) == 1
    assert told() == [*before, ("invitation", "m-owner")]
    Admission.objects.filter(account=roster["m-owner"]).update(is_admitted=False, since=now)
    reevaluate(campaign_id=campaign.pk, now=later + timedelta(hours=1))
    assert told() == [*before, ("invitation", "m-owner")]


def test_a_draft_or_a_policy_yet_to_come_is_not_taken_up(campaign: Campaign, now: datetime) -> None:
    draft_policy(document=opened_to_webauthn(campaign), actor="staff:1", now=now)
    publish_policy(document=V2, actor="staff", now=now, effective_at=now + timedelta(days=1))
    for version in ("open-to-all", V2["version"], "none"):
        with pytest.raises(BadRequest):
            adopt_policy(campaign_slug=campaign.slug, version=version, actor="staff:2", now=now)
    with pytest.raises(BadRequest):
        adopt_policy(campaign_slug="no-such", version=V2["version"], actor="staff:2", now=now)
    assert not PolicyAdoption.objects.exists()
    assert Campaign.objects.get().policy == campaign.policy
