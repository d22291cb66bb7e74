"""The programme's pages: campaigns, policies with two names, waves; each change with its before and after."""

import html
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from config import clock
from desk.models import AuditEntry
from desk.roles import Role
from fulfillment.claims.models import Campaign
from fulfillment.claims.waves import Wave
from roster.models import Policy
from tests.conftest import Roster
from tests.desk.conftest import StaffWith


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now):
        yield


def filled(page: str) -> dict[str, str]:
    """The inputs of the campaign's form as the page gives them."""
    found = dict(re.findall(r'<input type="[a-z-]+" name="([a-z_]+)" value="([^"]*)"', page))
    found["policy"] = re.findall(r'<option value="(\d+)" selected', page)[0]
    return {name: html.unescape(value) for name, value in found.items()}


def test_a_campaign_is_changed_with_its_before_and_after(campaign: Campaign, staff_with: StaffWith) -> None:
    client, url = staff_with(Role.MANAGER), f"/desk/programme/campaigns/{campaign.slug}/"
    form = filled(client.get(url).content.decode())
    assert client.post(url, form | {"per_claim": "1"}).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.before, entry.after) == (
        "campaign_changed",
        {"per_claim": 2},
        {"per_claim": 1},
    )
    # The form opened before is out of date now, whoever sends it.
    again = client.post(url, form | {"per_claim": "5"})
    assert (again.status_code, "Somebody changed per_claim" in again.content.decode()) == (409, True)
    campaign.refresh_from_db()
    assert campaign.per_claim == 1


@pytest.mark.parametrize(
    "wrong", [{"closes_at": "2000-01-01T00:00:00"}, {"per_claim": "0"}, {"seen": "forged"}, {"policy": "0"}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, str], campaign: Campaign, staff_with: StaffWith) -> None:
    client, url = staff_with(Role.MANAGER), f"/desk/programme/campaigns/{campaign.slug}/"
    form = filled(client.get(url).content.decode())
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
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["wave_planned", "wave_cancelled"]
