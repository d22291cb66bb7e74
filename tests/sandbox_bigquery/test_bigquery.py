"""Downloads asked of BigQuery, by Google's client over HTTP to the stand-in."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from roster.gateways.bigquery import SQL, BigQueryError, DownloadQuery, fetch_downloads
from roster.models import Designation, Snapshot
from roster.services.designations import designate_critical
from sandbox.bigquery.server import BigQuery
from tests.roster.conftest import NOW

pytest.importorskip("google.cloud.bigquery")
FIRST = date(2022, 1, 1)
ROWS = [
    ("Alpha", FIRST, 5),
    ("alpha", FIRST + timedelta(days=1), 6),
    ("beta.two", FIRST, 4),
    ("beta_two", FIRST + timedelta(days=180), 100),
    *((f"p{n}", FIRST, 3) for n in range(7)),
    ("late", FIRST + timedelta(days=181), 1000),
]
QUERY = DownloadQuery(FIRST, FIRST + timedelta(days=180), cohort=100)


@pytest.fixture
def server() -> Iterator[BigQuery]:
    with BigQuery(ROWS) as running:
        yield running


@pytest.fixture
def asks(server: BigQuery, settings: Any) -> BigQuery:
    settings.BIGQUERY_API_BASE, settings.BIGQUERY_PROJECT = server.url, "example"
    return server


def test_a_window_is_counted_over_all_spellings_and_pages(server: BigQuery) -> None:
    found = list(fetch_downloads(QUERY, project="example", api_base=server.url))
    assert found == [("beta-two", 104), ("alpha", 11), *((f"p{n}", 3) for n in range(7))]
    (asked,) = server.asked
    assert asked["query"] == SQL
    assert {one["name"]: one["parameterValue"]["value"] for one in asked["queryParameters"]} == {
        "window_start": "2022-01-01",
        "window_end": "2022-06-30",
        "cohort": "100",
    }


def test_the_cohort_is_what_comes(server: BigQuery) -> None:
    query = DownloadQuery(FIRST, FIRST, cohort=2)
    assert list(fetch_downloads(query, project="example", api_base=server.url)) == [
        ("alpha", 5),
        ("beta-two", 4),
    ]


@pytest.mark.parametrize(
    ("fault", "is_transient", "words"),
    [
        ((403, "accessDenied", "Access Denied"), False, "Access Denied"),
        ((400, "invalidQuery", "Syntax error"), False, "Syntax error"),
        ((503, "backendError", "Try later"), True, "ServiceUnavailable"),
    ],
)
def test_a_refusal_says_whether_to_try_again(
    server: BigQuery, fault: tuple[int, str, str], is_transient: bool, words: str
) -> None:
    server.faults = [fault] * 5
    with pytest.raises(BigQueryError, match=words) as refused:
        list(fetch_downloads(QUERY, project="example", api_base=server.url))
    assert refused.value.is_transient is is_transient


def test_without_a_project_nothing_is_asked(server: BigQuery) -> None:
    with pytest.raises(BigQueryError, match="BIGQUERY_PROJECT"):
        list(fetch_downloads(QUERY, project="", api_base=server.url))
    assert server.asked == []


ARGUMENTS = ["--window-start", "2022-01-01", "--window-end", "2022-06-30"]


def test_the_sql_is_printed_and_not_run(asks: BigQuery, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("fetch_downloads", *ARGUMENTS, "--cohort", "500", "--print-sql")
    said = capsys.readouterr().out
    assert SQL in said
    assert "@window_start DATE = '2022-01-01'" in said
    assert "@cohort INT64 = 500" in said
    assert asks.asked == []


@pytest.mark.django_db
def test_what_comes_is_a_snapshot_to_designate_from(asks: BigQuery) -> None:
    call_command("fetch_downloads", *ARGUMENTS)
    snapshot = Snapshot.objects.get()
    assert (snapshot.rows, snapshot.window_start, snapshot.window_end) == (9, FIRST, date(2022, 6, 30))
    assert snapshot.source.startswith("bigquery-public-data.pypi.file_downloads")
    designate_critical(cohort_size=1, actor="ops", now=NOW)
    assert Designation.objects.get().downloads == 104
    call_command("fetch_downloads", *ARGUMENTS)
    assert Snapshot.objects.count() == 1


@pytest.mark.django_db
def test_a_failed_query_keeps_nothing(asks: BigQuery) -> None:
    asks.faults = [(403, "quotaExceeded", "Quota exceeded")] * 5
    with pytest.raises(CommandError, match="Quota exceeded") as refused:
        call_command("fetch_downloads", *ARGUMENTS)
    assert refused.value.returncode == 1
    assert not Snapshot.objects.exists()
    with pytest.raises(CommandError, match="before"):
        call_command("fetch_downloads", "--window-start", "2022-02-01", "--window-end", "2022-01-01")
