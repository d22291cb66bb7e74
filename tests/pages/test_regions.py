"""The region table comes from dated documents, and the explain command reads it."""

import copy
import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common.errors import InputErrors
from fulfillment.claims.campaigns.regions import bundled_regions, load_regions
from fulfillment.claims.models import Campaign, Region
from fulfillment.claims.region_lookup import country_region
from tests.conftest import Roster

pytestmark = pytest.mark.django_db


@pytest.fixture
def document() -> Any:
    return copy.deepcopy(bundled_regions())


def test_the_shipped_table_opens_the_eleven_countries_of_2022(document: Any, now: datetime) -> None:
    assert load_regions(document=document, now=now) == len(document["regions"])
    rows = Region.objects.in_force(now).filter(status="open")
    assert rows.count() == 11
    assert rows.filter(ceiling_cents__gt=0, promised_days__gt=0).exclude(source="").count() == 11
    crimea = Region.objects.in_force(now).get(country="UA", subdivision="43")
    assert crimea.status == "blocked"
    assert country_region(country="UA", now=now) is None


def test_loading_it_again_changes_nothing(document: Any, now: datetime) -> None:
    load_regions(document=document, now=now)
    before = list(Region.objects.order_by("pk").values())
    assert load_regions(document=document, now=now + timedelta(days=1)) == 0
    assert list(Region.objects.order_by("pk").values()) == before


def test_a_changed_row_ends_the_one_before_and_keeps_it(document: Any, now: datetime) -> None:
    load_regions(document=document, now=now)
    later = now + timedelta(days=1)
    _row(document, "DE")["promised_days"] = 20
    assert load_regions(document=document, now=later) == 1
    assert [row.promised_days for row in Region.objects.filter(country="DE").order_by("valid_from")] == [
        15,
        20,
    ]
    before, after = country_region(country="DE", now=now), country_region(country="DE", now=later)
    assert before is not None
    assert after is not None
    assert (before.promised_days, after.promised_days) == (15, 20)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"country": "QQ"}, "country"),
        ({"country": "US"}, "country"),
        ({"status": "ajar"}, "status"),
        ({"promised_days": "15"}, "promised_days"),
        ({"phone_required": 1}, "phone_required"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_loaded(
    document: Any, now: datetime, change: dict[str, Any], field: str
) -> None:
    _row(document, "DE").update(change)
    with pytest.raises(InputErrors) as refused:
        load_regions(document=document, now=now)
    assert field in [problem.field for problem in refused.value.problems]
    assert not Region.objects.exists()


def test_a_document_without_rows_is_refused(now: datetime) -> None:
    documents: list[Any] = [{}, {"regions": []}, {"regions": ["DE"]}, {"regions": [{}]}]
    for document in documents:
        with pytest.raises(InputErrors):
            load_regions(document=document, now=now)


def _row(document: Any, country: str) -> Any:
    return next(row for row in document["regions"] if row["country"] == country)


class TestExplain:
    def test_it_prints_every_verdict(self, roster: Roster, campaign: Campaign, stock: None) -> None:
        said = StringIO()
        call_command("explain", "m-guarded", country="DE", stdout=said)
        assert "ineligible under policy keydesk-default" in said.getvalue()
        assert "NO     two_factor" in said.getvalue()
        assert "yes    region" in said.getvalue()

    def test_as_json_it_is_the_decision(self, roster: Roster, campaign: Campaign, stock: None) -> None:
        said = StringIO()
        call_command(
            "explain", "M-Owner", "--country", "us", "--json", "--campaign", "keys-2022", stdout=said
        )
        decision = json.loads(said.getvalue())
        assert decision["outcome"] == "eligible"
        assert decision["policy"] == "keydesk-default"

    @pytest.mark.parametrize(
        ("arguments", "status"),
        [(["nobody"], 1), (["m-owner", "--campaign", "none"], 1), (["m-owner", "--country", "QQ"], 2)],
    )
    def test_what_is_unknown_is_said(
        self, roster: Roster, campaign: Campaign, arguments: list[str], status: int
    ) -> None:
        with pytest.raises(CommandError) as failed:
            call_command("explain", *arguments)
        assert failed.value.returncode == status
