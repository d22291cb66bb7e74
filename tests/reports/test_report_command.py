"""`manage.py report`: what it prints, what it writes, and what it refuses."""

import json
import os
import stat
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common import clock
from fulfillment.claims.models import Campaign
from reports.as_of import moment_in_words
from reports.redemption import redemption_report
from tests.reports.conftest import MOMENTS, STARTED


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("report", *arguments, stdout=out, **options)
    return out.getvalue()


def refused(*arguments: str) -> str:
    """What it says when it exits with status 2, having printed nothing."""
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("report", *arguments, stdout=out)
    assert caught.value.returncode == 2
    assert out.getvalue() == ""
    return str(caught.value)


def test_it_prints_the_report_for_people(programme: Campaign, at_the_end: datetime) -> None:
    printed = run("redemption", "--campaign", "keys-2022")
    assert "4 of 22 keys redeemed (18%)" in printed
    assert "2022-W28" in printed
    assert "on critical roster" in printed
    assert "Parcels: 20.46 USD for 3 labels, 20.46 USD per delivered pair" in printed
    assert "It adds up." in printed
    assert max(len(line) for line in printed.splitlines()) <= 80
    assert "\x1b" not in printed


@pytest.mark.parametrize("how", [["--json"], ["--format", "json"], ["--format", "json", "--json"]])
def test_it_prints_one_json_document(programme: Campaign, at_the_end: datetime, how: list[str]) -> None:
    document = json.loads(run("redemption", *how))
    assert document == redemption_report(campaign_slug=None, as_of=at_the_end)


def test_it_reports_any_earlier_moment_in_any_zone(programme: Campaign, at_the_end: datetime) -> None:
    utc = run("redemption", "--json", "--as-of", "2022-07-20T12:00:00Z")
    assert utc == run("redemption", "--json", "--as-of", "2022-07-20T14:00:00+02:00")
    assert json.loads(utc)["as_of"] == "2022-07-20T12:00:00Z"


def test_it_is_the_same_when_made_later(programme: Campaign) -> None:
    then = moment_in_words(MOMENTS[2])
    printed = []
    for now in (MOMENTS[2], MOMENTS[-1]):
        with clock.reading(lambda now=now: now):  # type: ignore[misc]
            printed.append(run("redemption", "--as-of", then))
    assert printed[0] == printed[1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("yesterday", "'yesterday' is not a date and time."),
        ("", "'' is not a date and time."),
        ("2022-13-01T00:00:00Z", "is not a date and time."),
        ("2022-07-20", "has no time and zone."),
        ("2022-07-20T12:00:00", "has no time and zone."),
        ("0001-01-01T00:00:00+14:00", "is not a date and time."),
        ("2035-01-01T00:00:00Z", "is in the future"),
        ("2022-06-30T00:00:00Z", "is before the programme began, on 2022-07-01T12:00:00Z."),
    ],
)
@pytest.mark.usefixtures("at_the_end")
def test_it_refuses_a_moment_of_which_nothing_can_be_said(
    programme: Campaign, text: str, complaint: str
) -> None:
    message = refused("redemption", f"--as-of={text}")
    assert message.startswith("--as-of: ")
    assert complaint in message


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["weather"],
            "REPORT: 'weather' is unknown. Choose one of redemption, published, comparison, stock,",
        ),
        (
            ["redemption", "--format", "docx"],
            "--format: 'docx' is unknown. Choose one of text, json, csv, xlsx, parquet, html, pdf,",
        ),
        (["redemption", "--format", "text", "--json"], "--format: text and --json cannot be combined."),
        (["redemption", "--campaign", "nope"], "--campaign: 'nope' is unknown. Choose one of keys-2022."),
    ],
)
def test_it_refuses_what_it_does_not_know(campaign: Campaign, arguments: list[str], complaint: str) -> None:
    assert complaint in refused(*arguments)


def test_without_any_campaign_it_says_so(db: None) -> None:
    assert "There are none yet." in refused("redemption", "--campaign", "keys-2022")


def test_with_nothing_at_all_it_reports_nothing(db: None) -> None:
    assert "0 of 0 keys redeemed" in run("redemption")


def test_it_writes_a_file_and_nothing_else(programme: Campaign, at_the_end: datetime, tmp_path: Path) -> None:
    target = tmp_path / "out" / "report.json"
    target.parent.mkdir()
    printed = run("redemption", "--format", "json", "--output", str(target))
    assert json.loads(target.read_text()) == redemption_report(campaign_slug=None, as_of=at_the_end)
    assert str(target) in printed
    assert [path.name for path in target.parent.iterdir()] == ["report.json"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


def test_with_json_the_message_about_the_file_is_no_output(
    programme: Campaign, at_the_end: datetime, tmp_path: Path
) -> None:
    assert run("redemption", "--json", "--output", str(tmp_path / "report.json"), stderr=StringIO()) == ""


def test_a_file_that_cannot_be_written_leaves_what_was_there(programme: Campaign, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plain = out / "plain"
    plain.write_text("before")
    for path in (out / "missing" / "report.json", plain / "report.json", out, Path("/dev/null")):
        message = refused("redemption", "--output", str(path))
        assert message.startswith("--output: ")
        assert str(path) in message
    assert plain.read_text() == "before"
    assert [path.name for path in out.iterdir()] == ["plain"]


def test_a_write_that_fails_half_way_leaves_no_half_file(
    monkeypatch: pytest.MonkeyPatch, programme: Campaign, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "report.json"
    target.parent.mkdir()
    target.write_text("before")

    def disk_is_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reports.exports.files.os.fsync", disk_is_full)
    assert "No space left on device" in refused("redemption", "--output", str(target))
    assert [(path.name, path.read_text()) for path in target.parent.iterdir()] == [("report.json", "before")]


def test_the_moment_of_the_start_is_not_before_it(programme: Campaign, at_the_end: datetime) -> None:
    start = moment_in_words(STARTED - timedelta(days=10))
    assert "0 of 0 keys" in run("redemption", "--as-of", start)
