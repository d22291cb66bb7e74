"""`check_policy`: two files in, a decision out, and no database anywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from roster.policies import DIRECTORY
from tests.roster.conftest import Write

FACTS = {
    "username": "m-1",
    "now": "2022-07-11T12:00:00Z",
    "has_totp": False,
    "has_webauthn": False,
    "roles": [{"project": "example", "role": "Owner", "critical": True, "since": "2019-05-01"}],
    "keys_available": 4000,
    "live_claims": 0,
    "country": "DE",
}
V1 = str(DIRECTORY / "2022-06-21.json")


@pytest.fixture
def facts(write: Write) -> str:
    return str(write("facts.json", json.dumps(FACTS)))


def test_it_prints_the_decision_as_one_document(facts: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_policy", "--policy", V1, "--facts", facts, "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["outcome"], document["policy"], document["headline"]) == ("eligible", "2022-06-21", None)


def test_it_tells_a_person_every_reason_and_remedy(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    refused = write("f.json", json.dumps({**FACTS, "has_totp": True, "country": "NO"}))
    call_command("check_policy", "--policy", V1, "--facts", str(refused))
    printed = capsys.readouterr().out
    assert "ineligible under policy 2022-06-21" in printed
    assert "already has two-factor authentication" in printed
    assert "Keys cannot be sent to NO" in printed
    assert "use that: AT, BE, CA" in printed


@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        ("--policy", '{"version": "v", "rules": [{"rule": "x"}]}', "field rules[0].rule: 'x' is not a rule"),
        ("--policy", '{"version": "v",\n "rules": ]', "line 2: this is not JSON"),
        ("--policy", '{"version": "v", "version": "w"}', "appears twice in one object"),
        ("--policy", "", "empty"),
        ("--policy", b"\x00\x01", "not UTF-8 text"),
        ("--policy", '{"a":' * 100_000, "not JSON"),
        (
            "--facts",
            '{"joined_at": "2014-02-03T00:00:00"}',
            "field joined_at: '2014-02-03T00:00:00' has no time",
        ),
        ("--facts", '{"keys_available": ' + "9" * 5000 + "}", "not JSON that can be read"),
        ("--facts", '{"email": "m-1@example.org"}', "field email: unknown field"),
    ],
)
def test_a_file_that_cannot_be_used_exits_2_with_file_and_field(
    option: str, content: str | bytes, words: str, facts: str, write: Write
) -> None:
    bad = str(write("bad.json", content))
    files = {"--policy": V1, "--facts": facts, option: bad}
    with pytest.raises(CommandError) as refused:
        call_command("check_policy", *(part for pair in files.items() for part in pair))
    assert refused.value.returncode == 2
    assert str(refused.value).startswith(bad)
    assert words in str(refused.value)


def test_a_missing_file_exits_2_by_name(facts: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("check_policy", "--policy", str(tmp_path / "none.json"), "--facts", facts)
    assert refused.value.returncode == 2
    assert "none.json: file not found" in str(refused.value)


def test_it_runs_where_no_database_answers(facts: str) -> None:
    root = Path(__file__).parents[2]
    finished = subprocess.run(
        [sys.executable, "manage.py", "check_policy", "--policy", V1, "--facts", facts, "--json"],
        cwd=root,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["outcome"] == "eligible"
