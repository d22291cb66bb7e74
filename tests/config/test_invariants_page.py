"""docs/invariants.md against the table of sentences, the checks, and the guards of the database."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path

import pgtrigger
import pytest
from django.apps import apps
from django.core.management import call_command

from common.invariants import INVARIANTS, VerifyResult, Violation, all_checks
from config.environment import ROOT

PAGE = ROOT / "docs" / "invariants.md"
_HEADING = re.compile(r"^## (I\d+)\. (.+)$", re.MULTILINE)
# The parts of each section, in order.
_PARTS = ("**For people.**", "**In the database**", "**Checked by**", "**When it is broken.**")


def sections() -> Mapping[str, str]:
    """The text of each invariant's section, by code."""
    _, *pieces = _HEADING.split(PAGE.read_text())
    return {code: text for code, _sentence, text in zip(*[iter(pieces)] * 3, strict=True)}


def part(section: str, name: str) -> str:
    return section.split(name, 1)[1].split("\n**", 1)[0]


def test_every_code_has_a_section_with_its_sentence_and_no_section_is_without_a_code() -> None:
    assert _HEADING.findall(PAGE.read_text()) == list(INVARIANTS.items())


def test_every_check_is_of_a_code_with_a_sentence() -> None:
    checked = {check.invariant for check in all_checks()}
    # I11 is held by tests and the rehearsal: there is no second figure in the database.
    assert checked == INVARIANTS.keys() - {"I11"}


@pytest.mark.parametrize("code", INVARIANTS)
def test_a_section_has_its_parts_in_order(code: str) -> None:
    places = [sections()[code].find(name) for name in _PARTS]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("code", INVARIANTS)
def test_a_section_names_its_checks_where_they_are(code: str) -> None:
    checks = {
        f"{Path(inspect.getfile(check.run)).relative_to(ROOT)}::{check.run.__name__}"
        for check in all_checks()
        if check.invariant == code
    }
    named = re.findall(r"`([\w/]+\.py::\w+)`", part(sections()[code], "**Checked by**"))
    assert set(named) == checks


@pytest.mark.parametrize("code", INVARIANTS)
def test_a_section_names_constraints_and_triggers_that_exist(code: str) -> None:
    known = {constraint.name for model in apps.get_models() for constraint in model._meta.constraints}
    known |= {str(trigger.name) for _model, trigger in pgtrigger.registered()}
    named = set(re.findall(r"`(\w+)`", part(sections()[code], "**In the database**")))
    # Names without an underscore are states and fields that the text mentions besides.
    guards = {name for name in named if "_" in name}
    assert guards <= known
    assert guards or code == "I11"


def test_verify_prints_the_sentence_beside_each_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("common.invariants.verify_all", lambda: VerifyResult({"I4": 1234}, []))
    call_command("verify")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"I4        1,234 checked  {INVARIANTS['I4']}", "No violations."]


def test_verify_says_where_to_read_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = VerifyResult({"I3": 2}, [Violation("I3", "two live claims", ["C-1", "C-2"])])
    monkeypatch.setattr("common.invariants.verify_all", lambda: broken)
    with pytest.raises(Exception, match="1 violation"):
        call_command("verify")
    out = capsys.readouterr().out
    assert "I3 broken: two live claims (C-1, C-2)" in out
    assert "docs/invariants.md" in out
