"""Reports as files: typed, explained, and the same bytes for the same rows."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from common import clock
from fulfillment.claims.models import Campaign
from inventory.services.movements import move
from reports import catalogue
from reports.exports import FORMATS
from reports.exports.csv_parquet import write_csv
from reports.redemption import redemption_report
from reports.redemption_tables import exact
from reports.statements.comparison import comparison_report
from reports.tables import Column, Kind, Report, Table
from tests.reports.conftest import MOMENTS, Claiming, deliver, ship

END = MOMENTS[-1]


def every_report(as_of: datetime) -> list[Report]:
    return [
        catalogue.exact_redemption(campaign_slug="keys-2022", as_of=as_of),
        catalogue.published_redemption(campaign_slug="keys-2022", as_of=as_of, smallest_group=2),
        *(statement.make(as_of) for statement in catalogue.STATEMENTS.values()),
    ]


def test_every_report_in_every_format_is_the_same_bytes_again(programme: Campaign) -> None:
    first = every_report(END)
    again = every_report(END)
    for one, other in zip(first, again, strict=True):
        for name, form in FORMATS.items():
            assert form.write(one) == form.write(other), f"{one.name} as {name}"


def test_a_file_says_what_the_report_says(programme: Campaign) -> None:
    report = catalogue.exact_redemption(campaign_slug="keys-2022", as_of=END)
    document = json.loads(FORMATS["json"].write(report))
    assert document == redemption_report(campaign_slug="keys-2022", as_of=END)
    headline = {"total": 22, "claimed": 14, "shipped": 8, "delivered": 2, "redeemed": 4, "available": 8}
    _the_sheets(FORMATS["xlsx"].write(report), headline)
    tidy = pd.read_csv(BytesIO(FORMATS["csv"].write(report)))
    parquet = pd.read_parquet(BytesIO(FORMATS["parquet"].write(report)))
    for frame in (tidy, parquet):
        keys = frame[(frame["table"] == "headline") & (frame["column"] == "keys")]
        assert keys["number"].astype(int).tolist() == list(headline.values())
        assert frame["about"].notna().all()
    with ZipFile(BytesIO(FORMATS["parquet.zip"].write(report))) as archive:
        weeks = pd.read_parquet(BytesIO(archive.read("by_week.parquet")))
        assert str(weeks["redeemed"].dtype) == "int64"
        assert weeks["starts_on"].iloc[0].isoformat() == "2022-07-11"
    with ZipFile(BytesIO(FORMATS["csv.zip"].write(report))) as archive:
        explained = list(csv.reader(StringIO(archive.read("columns.csv").decode("utf-8-sig"))))
        names = {name.removesuffix(".csv") for name in archive.namelist()} - {"columns"}
        assert {row[0] for row in explained[1:]} == names
    html = FORMATS["html"].write(report).decode()
    assert "4 of 22 keys were redeemed (18%)" in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert FORMATS["pdf"].write(report).startswith(b"%PDF-1.7")


def _the_sheets(content: bytes, headline: dict[str, int]) -> None:
    book = openpyxl.load_workbook(BytesIO(content))
    assert book.sheetnames[0] == "About"
    rows = list(book["headline"].iter_rows(min_row=5, values_only=True))
    assert {row[0]: row[1] for row in rows} == headline
    assert all(isinstance(row[1], int) for row in rows)
    week = next(book["by_week"].iter_rows(min_row=5, values_only=True))
    assert week[1] == datetime(2022, 7, 11)
    money = next(book["sending"].iter_rows(min_row=5, values_only=True))
    assert money[2] == pytest.approx(20.46)
    described = {
        (row[0], row[1]) for row in book["About"].iter_rows(min_row=1, values_only=True) if row[1] is not None
    }
    assert ("headline", "keys") in described


def test_a_text_that_looks_like_a_formula_stays_a_text() -> None:
    table = Table("t", "T", "t", (Column("name", Kind.TEXT, "a name"),), (("=1+1",), ("@x",)))
    report = Report("r", "R", "2022-07-11T00:00:00Z", (), (table,), {})
    assert b"'=1+1" in write_csv(("name",), iter(table.rows))
    sheet = openpyxl.load_workbook(BytesIO(FORMATS["xlsx"].write(report)))["t"]
    assert sheet["A5"].value == "=1+1"
    assert sheet["A5"].data_type == "s"


def test_a_comparison_says_what_changed(programme: Campaign) -> None:
    documents = [redemption_report(campaign_slug="keys-2022", as_of=moment) for moment in (MOMENTS[2], END)]
    rows = {row[0]: row[1:] for row in comparison_report(*documents).tables[0].rows}
    assert rows["keys: total"] == (18, 22, 4)
    before, after, change = rows["keys: shipped"]
    assert (before, after, change) == (4, 8, 4)


def test_empty_one_unit_and_one_claimant(
    campaign: Campaign, now: datetime, claim_keys: Claiming, stock: None
) -> None:
    """A campaign with next to nothing in it has a report in every format."""
    for form in FORMATS.values():
        assert form.write(
            catalogue.exact_redemption(campaign_slug="keys-2022", as_of=now - timedelta(days=9))
        )
    claim = claim_keys("p-01", country="DE", at=now)
    ship(claim, on=1, cents=500)
    for report in every_report(now + timedelta(days=9)):
        for form in FORMATS.values():
            assert form.write(report)


def test_what_happened_in_an_impossible_order_is_counted_apart(
    claim_keys: Claiming, stock: None, now: datetime
) -> None:
    """A clock that lies: delivered before it was shipped."""
    claim = claim_keys("p-01", country="DE", at=now)
    ship(claim, on=5, cents=500)
    deliver(claim, on=6)
    frames_at = now + timedelta(days=30)
    honest = redemption_report(campaign_slug=None, as_of=frames_at)["funnel"]["times"]["shipped_to_delivered"]
    assert (honest["count"], honest["impossible"]) == (1, 0)
    other = claim_keys("p-02", country="DE", at=now + timedelta(days=7))
    ship(other, on=12, cents=500)
    move(
        holder=other.code,
        to_account="delivered",
        reason="deliver",
        actor="staff",
        now=now + timedelta(days=13),
    )
    from fulfillment.claims.services.shipment_callbacks import record_delivered

    other.refresh_from_db()
    record_delivered(other, now=now + timedelta(days=3))
    lying = redemption_report(campaign_slug=None, as_of=frames_at)["funnel"]["times"]["shipped_to_delivered"]
    assert (lying["count"], lying["impossible"]) == (1, 1)
    assert exact(redemption_report(campaign_slug=None, as_of=frames_at)).tables


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("report", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_the_command_writes_each_format_by_the_files_name(
    programme: Campaign, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"report.{suffix}"
    with clock.reading(lambda: END):
        run("redemption", "--campaign", "keys-2022", "--output", str(target))
    report = catalogue.exact_redemption(campaign_slug="keys-2022", as_of=END)
    assert target.read_bytes() == FORMATS[suffix].write(report)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["redemption", "--format", "pdf"], "--format: pdf cannot be printed to a terminal."),
        (["comparison"], "both sides are the same"),
        (["published"], "--campaign: there is no campaign yet."),
        (["redemption", "--output", "/nowhere/report.pdf"], "/nowhere/report.pdf cannot be written"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(db: None, arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 2
    assert complaint in str(caught.value)


def test_the_other_reports_count_what_happened(programme: Campaign) -> None:
    made: dict[str, Any] = {name: one.make(END).document for name, one in catalogue.STATEMENTS.items()}
    # 8 available, 6 reserved, 2 in quarantine at 29 dollars each.
    assert made["stock"]["total"] == [{"currency": "USD", "value_cents": 16 * 2900}]
    assert sum(row["labels"] for row in made["carriers"]["labels"]) == 3
    assert {row["country"]: row["keys"] for row in made["carriers"]["customs"]} == {"DE": 6, "FR": 2}
    assert made["cases"]["months"][0]["opened"] == 1 or len(made["cases"]["months"]) == 1
    assert sum(row["closed_in_time"] for row in made["cases"]["reasons"]) == 1
    assert made["roster"]["lists"][0]["kind"] == "accounts"
    assert END.tzinfo == UTC
