"""The synthetic index: true in size and shape, the same for the same seed, and nobody real in it."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command

from roster.files.names import normalized
from roster.models import Account, Project, ProjectRole
from roster.services.accounts import import_accounts
from roster.services.designations import designate_critical
from roster.services.downloads import import_downloads
from roster.services.roles import import_roles
from sandbox.synthetic_index import generate_index
from tests.roster.conftest import NOW

REAL_LIST = Path(__file__).parents[3] / "shared/data/index/top-pypi-packages.csv"
FILES = ("downloads.csv", "roles.csv", "accounts.csv")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(directory: Path) -> list[bytes]:
    return [(directory / name).read_bytes() for name in FILES]


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    for seed, name in ((7, "a"), (7, "b"), (8, "c")):
        generate_index(seed=seed, directory=tmp_path / name, projects=3_000, critical=40, maintainers=90)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert all(a != c for a, c in zip(contents(tmp_path / "a"), contents(tmp_path / "c"), strict=True))


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("index")
    generate_index(seed=2022, directory=directory)
    return directory


def test_it_is_of_true_size_and_heavy_tailed(full_size: Path) -> None:
    downloads = rows(full_size / "downloads.csv")
    counts = [int(row["download_count"]) for row in downloads]
    assert len(counts) == 350_000
    assert counts == sorted(counts, reverse=True)
    assert sum(counts[:3_500]) > 0.9 * sum(counts)
    assert len({normalized(row["project"]) for row in downloads}) == 350_000


def test_every_critical_project_has_an_owner_and_every_account_a_role(full_size: Path) -> None:
    top = [row["project"] for row in rows(full_size / "downloads.csv")[:3_818]]
    roles, accounts = rows(full_size / "roles.csv"), rows(full_size / "accounts.csv")
    assert {row["project"] for row in roles if row["role"] == "Owner"} == set(top)
    assert {row["project"] for row in roles} == set(top)
    assert {row["username"] for row in roles} == {row["username"] for row in accounts}
    assert len(accounts) == 8_218
    assert 2 <= len(roles) / 3_818 < 3
    assert max(Counter(row["username"] for row in roles).values()) > 20
    joined = {row["username"]: row["joined_at"][:10] for row in accounts}
    assert all(joined[row["username"]] <= row["since"] <= "2022-07-01" for row in roles)


def test_the_accounts_are_a_realistic_mix_and_nobodys(full_size: Path) -> None:
    accounts = rows(full_size / "accounts.csv")
    shares = Counter(
        "webauthn" if row["has_webauthn"] == "true" else "totp" if row["has_totp"] == "true" else "none"
        for row in accounts
    )
    assert shares["webauthn"] / 8_218 == pytest.approx(0.30, abs=0.02)
    assert shares["totp"] / 8_218 == pytest.approx(0.28, abs=0.02)
    organizations = sum(row["is_organization"] == "true" for row in accounts)
    assert organizations / 8_218 == pytest.approx(0.015, abs=0.006)
    assert all(row["email"] == f"{row['username']}@example.org" for row in accounts)
    years = [int(row["joined_at"][:4]) for row in accounts if row["joined_at"]]
    assert (min(years), max(years)) == (2006, 2022)
    assert 0 < 8_218 - len(years) < 200


@pytest.mark.django_db
def test_the_importers_take_it_as_it_is(full_size: Path) -> None:
    import_downloads(path=full_size / "downloads.csv", actor="test", now=NOW)
    designated = designate_critical(cohort_size=3_818, actor="test", now=NOW)
    import_accounts(path=full_size / "accounts.csv", actor="test", now=NOW)
    import_roles(path=full_size / "roles.csv", actor="test", now=NOW)
    assert designated.critical >= 3_818
    assert Project.objects.count() == designated.critical
    assert Account.objects.of_critical_projects().count() == 8_218
    assert ProjectRole.objects.live().filter(project__critical_since=None).count() == 0


@pytest.mark.skipif(not REAL_LIST.exists(), reason="the real download list (../shared/data) is not here")
def test_a_real_list_gives_the_critical_projects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(
        "generate_index",
        "--seed=3",
        f"--out={tmp_path}",
        f"--downloads={REAL_LIST}",
        "--critical=50",
        "--maintainers=80",
        "--json",
    )
    document = json.loads(capsys.readouterr().out)
    assert (document["projects"], document["critical"], document["downloads"]) == (15_000, 50, str(REAL_LIST))
    assert not (tmp_path / "downloads.csv").exists()
    projects = {row["project"] for row in rows(tmp_path / "roles.csv")}
    assert len(projects) == 50
    assert {"boto3", "packaging"} <= projects
