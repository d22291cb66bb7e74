"""`waves`: lists, plans and calls off; wrong use ends with 2 and changes nothing."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common import clock
from fulfillment.claims.campaigns.invitations import invite_due_waves
from fulfillment.claims.models import Campaign, Wave
from tests.conftest import Roster

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at(now: datetime, roster: Roster, campaign: Campaign) -> Any:
    with clock.reading(lambda: now):
        yield


def waves(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    call_command("waves", *words, "--json")
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["waves"]
    return found


def test_a_wave_is_planned_invited_and_listed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, now: datetime
) -> None:
    assert waves(capsys) == []
    (tmp_path / "list").write_text("M-Owner\nm-second\n")
    (first,) = waves(capsys, "--plan", "first", "--usernames", str(tmp_path / "list"))
    assert (first["state"], first["members"], first["invited"]) == ("not started", 2, 0)
    assert first["cohort"] == {"usernames": ["M-Owner", "m-second"]}
    later = (now + timedelta(days=1)).isoformat()
    _, second = waves(capsys, "--plan", "rest", "--first-rank", "1", "--invites-at", later)
    assert (second["members"], second["invites_at"]) == (1, later.replace("T", " "))
    invite_due_waves(now=now)
    first, second = waves(capsys)
    assert (first["state"], first["invited"], first["mailed"]) == ("all invited", 2, 2)
    assert waves(capsys, "--cancel", "rest")[1]["state"] == "cancelled"
    call_command("waves")
    assert "first: all invited" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--plan", "x"], 2, "Enter ranks, projects, countries or usernames"),
        (["--plan", "x", "--country", "XX"], 2, "countries: Not a valid country code: XX"),
        (["--plan", "x", "--project", "quiet-lib"], 2, "Everyone who meets these criteria"),
        (["--plan", "x", "--usernames", "/nowhere"], 2, "file not found"),
        (
            ["--plan", "x", "--last-rank", "1", "--invites-at", "2022-07-11T12:00"],
            None,
            "with its UTC offset",
        ),
        (["--cancel", "x"], 1, "wave"),
        (["--campaign", "none"], 1, "none"),
    ],
)
def test_what_cannot_be_done_says_why(words: list[str], status: int | None, said: str) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        call_command("waves", *words)
    if status is not None:  # what the parser refuses ends with 2 by itself
        assert refused.value.returncode == status
    assert not Wave.objects.exists()
