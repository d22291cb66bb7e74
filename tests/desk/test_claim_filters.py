"""The list of claims, filtered: each filter, what cannot be asked, and the order of open cases."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from common import clock
from desk.roles import Role
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.campaigns.invitations import Cohort, invite_due_waves, plan_wave
from fulfillment.claims.models import Campaign, Claim, Wave
from fulfillment.claims.rules import WantedItem
from fulfillment.shipments.services.cases import open_case
from tests.conftest import USB_A, USB_C, MakeClaim, Roster
from tests.desk.conftest import StaffWith
from tests.fulfillment.warehouse.scans import Floor

pytestmark = pytest.mark.usefixtures("stock")
Shown = Callable[..., set[str]]


@pytest.fixture(autouse=True)
def _at(now: datetime) -> Iterator[None]:
    with clock.reading(lambda: now + timedelta(days=10)):
        yield


@pytest.fixture
def client(staff_with: StaffWith) -> Client:
    return staff_with(Role.REVIEWER)


@pytest.fixture
def shown(client: Client) -> Shown:
    """The codes that the list shows for a filter."""

    def ask(**asked: Any) -> set[str]:
        answer: Any = client.get("/desk/claims/", asked)
        assert answer.status_code == 200, answer.context["form"].errors
        return {claim.code for claim in answer.context["page"].rows}

    return ask


@pytest.fixture
def invited(roster: Roster, campaign: Campaign, now: datetime) -> Wave:
    """A wave of m-owner alone, invited before anybody claims."""
    wave = plan_wave(
        campaign=campaign, name="First", cohort=Cohort(usernames=["m-owner"]), invites_at=now, actor="staff:kim",
        now=now,
    )  # fmt: skip
    invite_due_waves(now=now)
    return wave


def test_each_filter_shows_what_it_says(
    invited: Wave, campaign: Campaign, make_claim: MakeClaim, shown: Shown, now: datetime
) -> None:
    owner, held = make_claim("m-owner"), make_claim("m-org")
    both = {owner.code, held.code}
    assert shown() == both
    assert shown(state="in_review") == {held.code}
    assert shown(country="us") == both
    assert shown(country="DE") == set()
    assert shown(wave=invited.pk) == {owner.code}
    assert shown(policy=campaign.policy.version) == both
    assert shown(days=9) == both
    assert shown(days=11) == set()
    assert shown(paid="no") == both
    assert shown(paid="asked") == shown(paid="yes") == set()
    assert shown(problem="case") == shown(problem="held") == set()
    parcel = Floor(campaign, now).label(owner)
    open_case(shipment=parcel, reason=CaseReason.NOT_ARRIVED, now=now)
    assert shown(problem="case", wave=invited.pk, country="US", days=9) == {owner.code}
    Claim.objects.filter(pk=held.pk).update(held_at=now)
    assert shown(problem="held") == {held.code}


def test_claims_are_found_by_the_model_they_name(make_claim: MakeClaim, shown: Shown) -> None:
    both, one, any_model = (
        make_claim("m-owner"),
        make_claim("m-second", items=[WantedItem(USB_C, 1)]),
        make_claim("m-org", items=[WantedItem(None, 1)]),
    )
    assert shown(model=USB_C) == {both.code, one.code}
    assert shown(model=USB_A) == {both.code}
    assert any_model.code in shown()


def test_where_a_claim_came_by_is_kept_when_it_is_made(
    invited: Wave, campaign: Campaign, make_claim: MakeClaim
) -> None:
    owner, other = make_claim("m-owner"), make_claim("m-second")
    for claim in (owner, other):
        claim.refresh_from_db()
    assert (owner.wave, other.wave) == (invited, None)
    assert owner.policy == other.policy == campaign.policy


@pytest.mark.parametrize(
    "wrong", [{"state": "nonsense"}, {"country": "USA"}, {"model": "NO"}, {"wave": "x"}, {"days": "-1"}]
)
def test_what_cannot_be_asked_is_named(wrong: dict[str, str], client: Client, make_claim: MakeClaim) -> None:
    make_claim()
    answer = client.get("/desk/claims/", wrong)
    assert answer.status_code == 422
    assert "field-bad" in answer.content.decode()
    if "country" in wrong:
        assert "Enter the country&#x27;s two-letter code, such as DE." in answer.content.decode()
    assert not answer.context["page"].rows


def test_the_list_takes_few_queries(
    invited: Wave, make_claim: MakeClaim, client: Client, django_assert_max_num_queries: Any
) -> None:
    make_claim()
    asked: Any = {
        "country": "US",
        "days": 5,
        "model": USB_A,
        "wave": invited.pk,
        "problem": "case",
        "paid": "yes",
    }
    with django_assert_max_num_queries(20):
        client.get("/desk/claims/", asked)


def test_open_cases_are_listed_by_when_they_are_due(
    campaign: Campaign, make_claim: MakeClaim, client: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.paging.page_by_time.__kwdefaults__", {"size": 1})
    parcels = [Floor(campaign, now).label(make_claim(name)) for name in ("m-owner", "m-second")]
    for parcel in parcels:
        open_case(shipment=parcel, reason=CaseReason.NOT_ARRIVED, now=now)
    first, second = Case.objects.order_by("pk")
    Case.objects.filter(pk=second.pk).update(due_at=first.due_at - timedelta(days=1))
    page: Any = client.get("/desk/cases/")
    assert [case.pk for case in page.context["page"].rows] == [second.pk]
    after: Any = client.get(f"/desk/cases/?{page.context['page'].more}")
    assert [case.pk for case in after.context["page"].rows] == [first.pk]
    assert after.context["page"].more == ""
