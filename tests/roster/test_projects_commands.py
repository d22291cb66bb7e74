"""`designate_project` and `rename_project`: by hand, with a reason, for ever."""

import json

import pytest
from django.core.management import CommandError, call_command

from common import clock
from roster.models import Project
from roster.selectors import project_history
from tests.roster.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roster")]


def test_a_project_is_designated_by_hand_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with clock.reading(lambda: NOW):
        call_command("designate_project", "Tiny.Lib", "--reason", "The resolver needs it.", "--json")
    assert json.loads(capsys.readouterr().out)["critical_since"] == str(NOW.date())
    story = project_history(name="tiny-lib")
    assert story is not None
    assert [(one.reason, one.note) for one in story.designations] == [("by_hand", "The resolver needs it.")]


def test_a_renamed_project_keeps_its_status_and_both_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    with clock.reading(lambda: NOW):
        call_command("rename_project", "alpha", "Alpha.Next", "--note", "announced")
    assert "alpha was renamed to Alpha.Next; critical since" in capsys.readouterr().out
    old, new = project_history(name="alpha"), project_history(name="alpha-next")
    assert old is not None
    assert new is not None
    assert old.flags == ["renamed"]
    assert new.project.critical_since == old.project.critical_since


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["designate_project", "x y", "--reason", "y"], 2, "Not a valid project name"),
        (["designate_project", "zeta", "--reason", " "], 2, "Enter a reason"),
        (["rename_project", "alpha", "ALPHA"], 2, "another spelling"),
        (["rename_project", "nothing", "something"], 1, "nothing"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(words: list[str], status: int, said: str) -> None:
    before = list(Project.objects.values())
    with pytest.raises(CommandError, match=said) as refused:
        call_command(*words)
    assert refused.value.returncode == status
    assert list(Project.objects.values()) == before
