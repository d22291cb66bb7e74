"""What everybody may see: the page, its files, the badge and the API; and who sees the exact report."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from common import clock
from config.models import User
from fulfillment.claims.models import Campaign
from reports.exports import FORMATS
from reports.public.published_report import released_report
from tests.reports.conftest import PEOPLE, STARTED, Claiming, ship

STATS = "/stats/keys-2022/"
WEEK_AFTER = datetime.fromisoformat("2022-07-25T08:00:00Z")


@pytest.fixture
def seven_shipped(claim_keys: Claiming, stock: None, now: datetime) -> Campaign:
    """Six people in Germany and one in France have their keys on the way."""
    claims = [claim_keys(name, country="DE", at=now) for name in PEOPLE[:6]]
    claims.append(claim_keys(PEOPLE[6], country="FR", at=now))
    for claim in claims:
        ship(claim, on=2, cents=500)
    return claims[0].campaign


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_people_are_published_in_whole_groups(seven_shipped: Campaign) -> None:
    document = released_report(campaign_slug="keys-2022", as_of=WEEK_AFTER, smallest_group=5)
    assert document["people"]["claimed"] == document["people"]["shipped"] == 5
    assert document["keys"] == {"total": 20, "claimed": 10, "redeemed": 10, "available": 10}
    assert [(row["country"], row["claimed"]) for row in document["by_country"]] == [("DE", 5)]
    assert document["costs"]["postage"] == [
        {"currency": "USD", "people": 5, "cents": 2500, "cents_per_person": 500}
    ]
    assert "FR" not in json.dumps(document)


def test_a_release_is_the_same_until_the_next(seven_shipped: Campaign) -> None:
    monday = datetime.fromisoformat("2022-07-25T00:00:00Z")
    made = [
        released_report(campaign_slug="keys-2022", as_of=monday + timedelta(hours=hours), smallest_group=5)
        for hours in (0, 7, 23)
    ]
    assert made[0] == made[1] == made[2]
    before = released_report(
        campaign_slug="keys-2022", as_of=monday - timedelta(microseconds=1), smallest_group=5
    )
    assert before["cuts_as_of"] == "2022-07-18T00:00:00Z"


def test_before_anybody_claimed_there_is_a_page(client: Client, campaign: Campaign) -> None:
    with clock.reading(lambda: WEEK_AFTER):
        response = client.get(STATS)
        assert response.status_code == 200
        assert client.get("/badge/keys-2022.svg").status_code == 200
        assert client.get("/api/v1/stats/keys-2022").json()["people"]["claimed"] is None


def test_the_page_its_charts_files_and_badge_are_for_everybody(
    client: Client, seven_shipped: Campaign
) -> None:
    with clock.reading(lambda: WEEK_AFTER):
        page = client.get(STATS)
        assert "10 keys redeemed" in words(page)
        charts = set(re.findall(r'src(?:set)?="(/stats/[^"]+)"', page.content.decode()))
        assert len(charts) == 4  # critical projects are too few to show
        for url in charts:
            assert client.get(url)["Content-Type"] == "image/svg+xml"
        for form in FORMATS:
            response = client.get(f"{STATS}report.{form}")
            assert response.status_code == 200
            assert b"FR" not in response.content or form in (
                "xlsx",
                "pdf",
                "parquet",
                "parquet.zip",
                "csv.zip",
            )
        badge = client.get("/badge/keys-2022.svg")
        assert b"10 of 20" in badge.content
        assert "X-Frame-Options" not in badge
        api = client.get("/api/v1/stats/keys-2022").json()
        assert api["people"]["claimed"] == 5
        assert client.get("/api/v1/campaigns/keys-2022").json()["keys"]["redeemed"] == 10


@pytest.mark.parametrize(
    "url", ["/stats/none/", "/badge/none.svg", f"{STATS}report.docx", f"{STATS}chart-none-light.svg"]
)
def test_what_is_not_there_is_not_found(client: Client, campaign: Campaign, url: str) -> None:
    with clock.reading(lambda: WEEK_AFTER):
        assert client.get(url).status_code == 404


def test_staff_who_may_not_see_people_see_what_is_published(
    client: Client, seven_shipped: Campaign, settings: Any
) -> None:
    settings.STAFF_SECURITY_KEY_REQUIRED = False
    client.force_login(User.objects.create_user("staff:one", email="one@example.org", is_staff=True))
    with clock.reading(lambda: WEEK_AFTER):
        page = client.get("/reports/redemption/")
        assert "10 of 20 keys were redeemed" in words(page)
        assert "France" not in words(page)
        assert "FR" not in client.get("/reports/redemption/report.json").content.decode()
        assert client.get("/reports/stock/").status_code == 403
        assert client.get("/reports/stock/report.csv").status_code == 403


def test_a_token_needs_its_scope_for_exact_numbers(
    client: Client, seven_shipped: Campaign, now: datetime
) -> None:
    from api.tokens import create_token

    with clock.reading(lambda: WEEK_AFTER):
        secrets = {
            scope: create_token(
                name=scope.replace(":", "."), scopes={"reports:read", scope}, days=30, now=WEEK_AFTER
            )[1]
            for scope in ("reports:read", "reports:exact")
        }

        def ask(scope: str, query: str) -> Any:
            return client.get(
                f"/api/v1/reports/redemption?{query}", headers={"Authorization": f"Bearer {secrets[scope]}"}
            )

        assert ask("reports:read", "").json()["people"]["claimed"] == 5
        assert ask("reports:read", "exact=true").status_code == 403
        assert ask("reports:exact", "exact=true").json()["keys"]["claimed"] == 14
        assert ask("reports:read", "format=pdf").content.startswith(b"%PDF")
        bad = ask("reports:read", "as_of=2022-07-20")
        assert bad.status_code == 422
        assert bad.json()["errors"][0]["field"] == "as_of"
        assert client.get("/api/v1/reports/redemption").status_code == 401
    assert STARTED < WEEK_AFTER
