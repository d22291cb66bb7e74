"""The page that puts two dates or two campaigns side by side: its numbers, who sees which, and what it refuses."""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from django.test import Client

from config.models import User
from desk.permissions import may
from desk.roles import Action, Role
from desk.services.appointments import appoint
from fulfillment.claims.models import Campaign
from reports.as_of import moment_in_words
from reports.exports import FORMATS
from reports.public.published_report import released_report
from reports.redemption import redemption_report
from tests.reports.conftest import MOMENTS, STARTED

PAGE = "/reports/comparison/"
SLUG = "keys-2022"
FIRST, SECOND = MOMENTS[2], MOMENTS[5]
TWO_DATES = {"campaign": SLUG, "as_of": moment_in_words(SECOND), "with_as_of": moment_in_words(FIRST)}
SMALLEST = 5

ClientOf = Callable[..., Client]


@pytest.fixture
def client_of(db: None, settings: Any) -> ClientOf:
    """The browser of staff in these roles; k is five."""
    settings.STAFF_SECURITY_KEY_REQUIRED = False
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"smallest_group": SMALLEST})

    def sign_in(*roles: Role) -> Client:
        staff = User.objects.create_user("staff:one", email="one@example.org", is_staff=True)
        for role in roles:
            appoint(user=staff, role=role, by=None, now=STARTED)
        client = Client()
        client.force_login(staff)
        return client

    return sign_in


def rows_of(response: Any) -> dict[str, tuple[str, ...]]:
    """The rows of the page's tables: what is counted, then the cells beside it."""
    page = response.content.decode()
    found = {}
    for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL):
        cells = [
            html.unescape(cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        found[cells[0]] = tuple(cells[1:])
    return found


def told(before: int | None, after: int | None) -> tuple[str, str, str]:
    """Two numbers and what changed, as the page writes them."""
    change = None if before is None or after is None else after - before
    first, second, third = ("–" if number is None else f"{number:,}" for number in (before, after, change))
    return first, second, third


def test_its_numbers_are_those_of_the_two_reports(
    client_of: ClientOf, programme: Campaign, at_the_end: datetime
) -> None:
    first, second = (
        cast(dict[str, Any], redemption_report(campaign_slug=SLUG, as_of=moment))
        for moment in (FIRST, SECOND)
    )
    rows = rows_of(client_of(Role.AUDITOR).get(PAGE, TWO_DATES))
    assert first["keys"] != second["keys"]
    for step in first["keys"]:
        assert rows[f"keys: {step}"] == told(first["keys"][step], second["keys"][step])
    for before, after in zip(first["funnel"]["steps"], second["funnel"]["steps"], strict=True):
        name = f"people at: {before['step'].replace('_', ' ')}"
        assert rows[name] == told(before["people"], after["people"])
    for state, before in first["two_factor"]["accounts"].items():
        assert rows[f"accounts: {state}"] == told(before, second["two_factor"]["accounts"][state])
    for name in ("open", "overdue"):
        assert rows[f"cases: {name}"] == told(first["cases"][name], second["cases"][name])
    assert [one["costs"]["sending"][0]["net_cents"] for one in (first, second)] == [1658, 2046]
    assert rows["parcels"] == ("USD", "16.58", "20.46", "3.88")


def test_before_anything_was_paid_for_it_cost_nothing(
    client_of: ClientOf, programme: Campaign, at_the_end: datetime
) -> None:
    asked = TWO_DATES | {"with_as_of": moment_in_words(MOMENTS[0])}
    rows = rows_of(client_of(Role.AUDITOR).get(PAGE, asked))
    assert rows["parcels"] == ("USD", "0.00", "20.46", "20.46")


def test_without_a_word_it_compares_four_weeks_ago_with_now(
    client_of: ClientOf, programme: Campaign, at_the_end: datetime
) -> None:
    response = client_of(Role.AUDITOR).get(PAGE)
    before = (at_the_end - timedelta(days=28)).replace(hour=0)
    first, second = (redemption_report(campaign_slug=None, as_of=moment) for moment in (before, at_the_end))
    assert f'value="{moment_in_words(before)}"' in response.content.decode()
    assert rows_of(response)["keys: total"] == told(first["keys"]["total"], second["keys"]["total"])


def test_two_campaigns_stand_side_by_side(
    client_of: ClientOf, programme: Campaign, now: datetime, at_the_end: datetime
) -> None:
    Campaign.objects.create(
        slug="other",
        name="Other",
        opens_at=now,
        closes_at=now + timedelta(days=90),
        policy=programme.policy,
        created_at=now,
    )
    asked = {
        "campaign": SLUG,
        "with_campaign": "other",
        "as_of": moment_in_words(SECOND),
        "with_as_of": moment_in_words(SECOND),
    }
    rows = rows_of(client_of(Role.AUDITOR).get(PAGE, asked))
    shipped = redemption_report(campaign_slug=SLUG, as_of=SECOND)["keys"]["shipped"]
    assert rows["keys: shipped"] == told(0, shipped)


def test_who_may_not_see_people_gets_what_is_published_of_both(
    client_of: ClientOf, programme: Campaign, at_the_end: datetime
) -> None:
    first, second = (
        cast(dict[str, Any], released_report(campaign_slug=SLUG, as_of=moment, smallest_group=SMALLEST))
        for moment in (FIRST, SECOND)
    )
    exact = redemption_report(campaign_slug=SLUG, as_of=SECOND)
    response = client_of(Role.VIEWER).get(PAGE, TWO_DATES)
    rows = rows_of(response)
    for name in ("claimed", "redeemed"):
        assert rows[f"keys: {name}"] == told(first["keys"][name], second["keys"][name])
    for name, before in first["people"].items():
        assert rows[f"people: {name.replace('_', ' ')}"] == told(before, second["people"][name])
    # Four people have had a parcel, fewer than anything is said of; neither date nor difference tells it.
    assert exact["keys"]["redeemed"] == 4
    assert rows["people: shipped"] == rows["keys: redeemed"] == ("–", "–", "–")
    assert not [name for name in rows if name.startswith(("people at", "cases", "waitlist", "parcels"))]
    document = client_of_same(response).get(f"{PAGE}report.json", TWO_DATES).json()
    for row in document["numbers"]:
        shown = [row[side] for side in ("first", "second")]
        if row["number"].startswith("people:"):
            assert all(number is None or number >= SMALLEST for number in shown), row
        assert row["change"] is None or None not in shown


def client_of_same(response: Any) -> Client:
    client: Client = response.client
    return client


@pytest.mark.parametrize("role", Role)
def test_which_roles_see_exact_numbers(
    client_of: ClientOf, programme: Campaign, at_the_end: datetime, role: Role
) -> None:
    response = client_of(role).get(PAGE, TWO_DATES)
    assert response.status_code == 200
    is_exact = may(frozenset({role}), Action.SEE_PERSON)
    assert ("people at: claimed" in rows_of(response)) == is_exact


def test_nothing_of_it_is_for_others(db: None, client: Client, programme: Campaign) -> None:
    for url in (PAGE, f"{PAGE}report.json"):
        assert client.get(url).status_code == 302
    client.force_login(User.objects.create_user("maintainer:m", email="m@example.org"))
    for url in (PAGE, f"{PAGE}report.json"):
        assert client.get(url).status_code == 403


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.VIEWER])
@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"as_of": "soon"}, "'soon' is not a date and time"),
        ({"with_as_of": "2022-07-20"}, "has no time and zone"),
        ({"with_as_of": "2035-01-01T00:00:00Z"}, "is in the future"),
        ({"as_of": "1999-01-01T00:00:00Z"}, "is before the programme began"),
        ({"as_of": "<b>\x00"}, "is not a date and time"),
        ({"campaign": "nope"}, "There is no campaign 'nope'"),
        ({"with_campaign": "nope"}, "There is no campaign 'nope'"),
    ],
)
def test_it_says_what_is_wrong(
    client_of: ClientOf,
    programme: Campaign,
    at_the_end: datetime,
    role: Role,
    asked: dict[str, str],
    complaint: str,
) -> None:
    client = client_of(role)
    response = client.get(PAGE, asked)
    page = response.content.decode()
    assert response.status_code == 400
    assert complaint in html.unescape(page)
    assert 'role="alert"' in page
    assert "<b>" not in page
    assert rows_of(response) == {}
    assert client.get(f"{PAGE}report.json", asked).status_code == 404


def test_it_is_saved_in_every_format(client_of: ClientOf, programme: Campaign, at_the_end: datetime) -> None:
    client = client_of(Role.AUDITOR)
    rows = rows_of(client.get(PAGE, TWO_DATES))
    for form, writing in FORMATS.items():
        response = client.get(f"{PAGE}report.{form}", TWO_DATES)
        assert (response.status_code, response["Content-Type"]) == (200, writing.content_type)
        assert response.content == client.get(f"{PAGE}report.{form}", TWO_DATES).content, "the same again"
    numbers = client.get(f"{PAGE}report.json", TWO_DATES).json()["numbers"]
    assert {row["number"]: told(row["first"], row["second"]) for row in numbers}.items() <= rows.items()
    assert client.get(f"{PAGE}report.docx", TWO_DATES).status_code == 404


def test_an_empty_house_has_a_comparison(client_of: ClientOf) -> None:
    response = client_of(Role.AUDITOR).get(PAGE)
    assert response.status_code == 200
    assert rows_of(response)["keys: total"] == ("0", "0", "0")
