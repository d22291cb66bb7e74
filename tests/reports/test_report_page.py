"""The page of the redemption report, as staff see it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common import clock
from config.models import User
from desk.roles import Role
from desk.services.appointments import appoint
from fulfillment.claims.models import Campaign
from reports.documents import RedemptionReport
from tests.reports.conftest import MOMENTS, STARTED, Claiming, ship

PAGE = "/reports/redemption/"


@pytest.fixture
def staff_client(db: None, settings: Any) -> Client:
    """Somebody who may see people, and so the exact report."""
    settings.STAFF_SECURITY_KEY_REQUIRED = False
    client = Client()
    staff = User.objects.create_user("staff:one", email="one@example.org", is_staff=True)
    appoint(user=staff, role=Role.AUDITOR, by=None, now=STARTED)
    client.force_login(staff)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def pictures(response: Any) -> list[str]:
    found = re.findall(r'src(?:set)?="(/reports/[^"]+)"', response.content.decode())
    return [url.replace("&amp;", "&") for url in found]


def test_it_shows_the_report(staff_client: Client, programme: Campaign, at_the_end: datetime) -> None:
    shown = text_of(staff_client.get(PAGE))
    assert "4 of 22 keys (18%) were redeemed" in shown
    assert "Germany 5 10 6 2 2" in shown
    assert "2022-W28 2022-07-11 8 4 0 4" in shown
    assert "The stock ledger adds up: 22 keys received" in shown
    assert "20.46 USD for parcels of 3 labels, 20.46 USD per delivered pair" in shown
    assert "on critical roster" in shown.lower()


def test_its_pictures_are_drawings_of_the_same_moment(
    staff_client: Client, programme: Campaign, at_the_end: datetime
) -> None:
    urls = pictures(staff_client.get(PAGE))
    assert len(urls) == 6
    for url in urls[:2]:
        response = staff_client.get(url)
        assert response.status_code == 200
        assert response["Content-Type"] == "image/svg+xml"
        assert response["Content-Security-Policy"] == "default-src 'none'"
        assert b"redeemed 4" in response.content
        assert ElementTree.fromstring(response.content).tag == "{http://www.w3.org/2000/svg}svg"


def test_it_shows_an_earlier_moment(staff_client: Client, programme: Campaign, at_the_end: datetime) -> None:
    response = staff_client.get(PAGE, {"as_of": "2022-07-20T12:00:00Z"})
    assert "4 of 18 keys" in text_of(response)
    assert "20 July 2022, 12:00:00 UTC" in text_of(response)


@pytest.mark.parametrize(
    "as_of", ["soon", "2022-07-20", "2035-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "<b>"]
)
def test_it_says_what_is_wrong_with_a_moment(
    staff_client: Client, programme: Campaign, at_the_end: datetime, as_of: str
) -> None:
    response = staff_client.get(PAGE, {"as_of": as_of})
    assert response.status_code == 400
    assert 'id="as-of-problem"' in response.content.decode()
    assert "<b>" not in response.content.decode()
    assert "keys redeemed" in text_of(response).lower()
    assert (
        staff_client.get("/reports/redemption/chart-keys_by_week-light.svg", {"as_of": as_of}).status_code
        == 404
    )


def test_an_empty_programme_has_a_page_without_a_picture(staff_client: Client) -> None:
    response = staff_client.get(PAGE)
    assert "0 of 0 keys" in text_of(response)
    assert "No key had been claimed yet." in text_of(response)
    assert pictures(response) == []
    assert staff_client.get("/reports/redemption/chart-keys_by_week-light.svg").status_code == 404


def test_the_index_leads_to_it(staff_client: Client) -> None:
    response = staff_client.get("/reports/")
    assert (response.status_code, response["Location"]) == (302, PAGE)


@pytest.mark.parametrize("url", [PAGE, "/reports/redemption/chart-keys_by_week-light.svg"])
def test_nothing_of_it_is_for_others(db: None, client: Client, programme: Campaign, url: str) -> None:
    assert client.get(url).status_code == 302
    client.force_login(User.objects.create_user("maintainer:m", email="m@example.org"))
    assert client.get(url).status_code == 403


def test_it_is_made_once_until_something_happens(
    staff_client: Client,
    claim_keys: Claiming,
    stock: None,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = _count_reports(monkeypatch)
    claim = claim_keys("p-01", country="DE", at=now)
    with clock.reading(lambda: MOMENTS[1]):
        urls = pictures(staff_client.get(PAGE))
        staff_client.get(PAGE)
        for url in urls:
            staff_client.get(url)
        assert made() == 1
    ship(claim, on=1, cents=500)
    with clock.reading(lambda: MOMENTS[1] + timedelta(seconds=1)):
        assert "2 of 20 keys" in text_of(staff_client.get(PAGE))
        assert made() == 2


def test_what_was_made_is_shown_again_without_reading_a_row_of_it(
    staff_client: Client, programme: Campaign, at_the_end: datetime
) -> None:
    """At any size: beside signing in, the page asks what came in last, and for the names of the campaigns."""
    staff_client.get(PAGE)
    with CaptureQueriesContext(connection) as asked:
        staff_client.get(PAGE)
    assert len(asked) <= 6, [query["sql"][:80] for query in asked]
    assert not [query for query in asked if "COPY" in query["sql"]]
    last = [query["sql"] for query in asked if 'max("id")' in query["sql"]]
    assert len(last) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {last[0]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    # The last of each table is the end of an index; nothing that grows with the programme is read through.
    for table in ("inventory_movement", "claims_claimevent", "roster_decision", "shipping_trackingupdate"):
        assert f"Seq Scan on {table}" not in plan, plan


def test_no_other_chart_is_there(staff_client: Client, programme: Campaign, at_the_end: datetime) -> None:
    assert staff_client.get("/reports/redemption/chart-keys_by_week-pink.svg").status_code == 404


def _count_reports(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often a report was made; it is made all the same."""
    from reports import redemption

    made: list[datetime] = []
    real = redemption.redemption_report

    def counted(**given: Any) -> RedemptionReport:
        made.append(given["as_of"])
        return real(**given)

    monkeypatch.setattr(redemption, "redemption_report", counted)
    return lambda: len(made)
