"""Which projects are critical: the top by downloads, once and for ever."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from roster.errors import CohortTooLarge, NoDownloads
from roster.models import Designation, Project
from roster.services.accounts import import_accounts
from roster.services.designations import DesignationResult, designate_critical
from roster.services.downloads import import_downloads
from roster.services.roles import import_roles
from tests.roster.conftest import ACCOUNTS, DOWNLOADS, LATER, NOW, ROLES, Write

pytestmark = pytest.mark.django_db
REAL_LIST = Path(__file__).parents[3] / "shared/data/index/top-pypi-packages.csv"


@pytest.fixture
def downloads(write: Write) -> None:
    import_downloads(path=write("downloads.csv", DOWNLOADS), actor="ops", now=NOW)


def designate(**options: object) -> DesignationResult:
    return designate_critical(actor="ops", now=NOW, **options)  # type: ignore[arg-type]


def critical() -> list[str]:
    return sorted(Project.objects.critical().values_list("normalized_name", flat=True))


@pytest.mark.usefixtures("downloads")
def test_the_most_downloaded_projects_are_designated_with_rank_and_source() -> None:
    designated = designate(cohort_size=1)
    assert (designated.cutoff_rank, designated.cutoff_downloads, designated.in_cohort) == (1, 500, 1)
    assert (designated.added, designated.kept, designated.critical) == (1, 0, 1)
    designation = Designation.objects.get()
    assert (designation.project.name, designation.project.critical_since) == ("alpha", NOW.date())
    assert (designation.reason, designation.rank, designation.downloads) == ("top_downloads", 1, 500)
    assert (designation.designated_on, designation.designated_by) == (NOW.date(), "ops")
    assert designation.snapshot is not None
    assert designation.snapshot.kind == "downloads"


@pytest.mark.usefixtures("downloads")
def test_projects_level_at_the_cutoff_are_in_together() -> None:
    designated = designate(cohort_size=2)
    assert (designated.cutoff_downloads, designated.in_cohort) == (300, 3)
    assert critical() == ["alpha", "beta-two", "gamma"]
    ranks = Designation.objects.order_by("rank", "project__name").values_list("project__name", "rank")
    assert list(ranks) == [("alpha", 1), ("Beta.Two", 2), ("gamma", 2)]


@pytest.mark.usefixtures("downloads")
def test_a_second_time_adds_nothing() -> None:
    designate(cohort_size=2)
    before = list(Designation.objects.order_by("pk").values())
    again = designate(cohort_size=2)
    assert (again.added, again.kept, again.fallen, again.critical) == (0, 3, 0, 3)
    assert list(Designation.objects.order_by("pk").values()) == before


@pytest.mark.usefixtures("downloads")
def test_critical_is_for_ever_under_any_spelling(write: Write) -> None:
    designate(cohort_size=2)
    # alpha falls to the bottom, and Beta.Two comes back spelled otherwise after it was deleted.
    newer = "project,download_count\nalpha,1\nbeta_two,900\nnova,800\ngamma,2\n"
    import_downloads(path=write("newer.csv", newer), actor="ops", now=LATER)
    designated = designate_critical(cohort_size=2, actor="ops", now=LATER)
    assert (designated.added, designated.kept, designated.fallen, designated.critical) == (1, 3, 2, 4)
    assert critical() == ["alpha", "beta-two", "gamma", "nova"]
    beta = Project.objects.get(normalized_name="beta-two")
    assert (beta.name, beta.critical_since) == ("Beta.Two", NOW.date())
    assert beta.designations.get().designated_on == NOW.date()


@pytest.mark.usefixtures("downloads")
def test_a_project_with_roles_becomes_critical_in_place(write: Write) -> None:
    import_accounts(path=write("accounts.csv", ACCOUNTS), actor="ops", now=NOW)
    import_roles(path=write("roles.csv", ROLES), actor="ops", now=NOW)
    before = Project.objects.get(normalized_name="alpha")
    designate(cohort_size=1)
    assert Project.objects.get(normalized_name="alpha").pk == before.pk
    assert critical() == ["alpha"]


@pytest.mark.usefixtures("downloads")
def test_the_indexs_own_dependencies_are_critical_whatever_their_downloads() -> None:
    designated = designate(cohort_size=1, always=["Alpha", "tiny_dep"])
    assert (designated.always, designated.added, designated.critical) == (2, 2, 2)
    reasons = Designation.objects.order_by("project__normalized_name", "reason")
    assert list(reasons.values_list("project__normalized_name", "reason")) == [
        ("alpha", "always"),
        ("alpha", "top_downloads"),
        ("tiny-dep", "always"),
    ]


@pytest.mark.parametrize(
    ("percent", "total", "size"),
    [(None, None, 1), ("20", None, 1), ("40", None, 2), ("41", None, 3), ("1", 381, 4), ("100", None, 5)],
)
@pytest.mark.usefixtures("downloads")
def test_the_top_percent_is_of_all_projects_and_rounded_up(
    percent: str | None, total: int | None, size: int
) -> None:
    designated = designate(top_percent=Decimal(percent) if percent else None, total_projects=total)
    assert designated.cohort_size == size
    assert designated.total_projects == (total or 5)


@pytest.mark.usefixtures("downloads")
def test_a_cohort_longer_than_the_list_is_refused() -> None:
    with pytest.raises(CohortTooLarge):
        designate(cohort_size=6)
    with pytest.raises(CohortTooLarge):
        designate(total_projects=10_000)
    assert critical() == []


def test_without_a_list_nothing_can_be_designated() -> None:
    with pytest.raises(NoDownloads):
        designate()
    with pytest.raises(CommandError) as refused:
        call_command("designate_critical")
    assert refused.value.returncode == 1


@pytest.mark.usefixtures("downloads")
def test_the_command_prints_the_cutoff_and_the_counts(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    always = write("always.txt", "# what the index runs on\ntiny_dep  # small\n\n")
    call_command("designate_critical", "--cohort-size", "2", "--always", str(always), "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["cutoff_rank"], document["cutoff_downloads"]) == (2, 300)
    assert (document["added"], document["kept"]) == (4, 0)
    call_command("designate_critical", "--cohort-size", "2")
    assert "rank 2 of 5, at 300 downloads" in capsys.readouterr().out


@pytest.mark.usefixtures("downloads")
def test_a_bad_list_of_dependencies_exits_2_with_its_line(write: Write) -> None:
    path = write("always.txt", "alpha\n=beta\n")
    with pytest.raises(CommandError) as refused:
        call_command("designate_critical", "--always", str(path))
    assert refused.value.returncode == 2
    assert f"{path}: line 2, field project: '=beta'" in str(refused.value)
    assert critical() == []


@pytest.mark.parametrize(
    "arguments",
    [["--cohort-size", "0"], ["--cohort-size", "x"], ["--top-percent", "0"], ["--top-percent", "nan"]],
)
def test_a_wrong_size_is_wrong_use(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="is not a"):
        call_command("designate_critical", *arguments)


@pytest.mark.skipif(not REAL_LIST.exists(), reason="the real download list (../shared/data) is not here")
def test_the_real_list_gives_the_cohort_of_2022() -> None:
    imported = import_downloads(path=REAL_LIST, actor="ops", now=NOW)
    assert imported.snapshot.rows == 15_000
    designated = designate(cohort_size=3_818)
    assert (designated.cutoff_rank, designated.cutoff_downloads) == (3_818, 1_552_976)
    assert (designated.added, designated.critical) == (3_818, 3_818)
    assert Project.objects.critical().filter(normalized_name="boto3").exists()
    assert designate(cohort_size=3_818).added == 0


def test_a_cohort_beyond_what_is_kept_of_a_list_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roster.files.downloads.KEPT_ROWS", 2)
    import_downloads(path=write("downloads.csv", DOWNLOADS), actor="ops", now=NOW)
    assert designate(cohort_size=3).in_cohort == 3  # the third is level with the second
    with pytest.raises(CohortTooLarge, match="only down to rank 3"):
        designate(cohort_size=4)
