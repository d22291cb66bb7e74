"""A synthetic package index of realistic size: download list, roles and accounts, from a seed.

Project names and usernames are made of syllables and mail goes to example.org; nobody real is in it. The same
seed gives the same files, to the byte.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from roster.files.download_tables import top_projects
from roster.files.downloads import read_downloads
from roster.files.source import read_source

Random = np.random.Generator
Numbers = npt.NDArray[np.int64]

SYLLABLES = [a + b for a in "bdfghjklmnprstvz" for b in "aeiou"]
# Rank and downloads in six months for an index of 350,000 projects, interpolated linearly between logarithms.
# The upper part is the shape of the public monthly dumps.
CURVE_RANKS = (1, 10, 100, 1_000, 3_818, 15_000, 100_000, 350_000)
CURVE_DOWNLOADS = (1.1e10, 6e9, 9e8, 7e7, 9e6, 3.4e5, 2_000, 30)
CURVE_PROJECTS = 350_000

FIRST_DAY, LAST_DAY = date(2006, 1, 1), date(2022, 6, 20)
WITH_WEBAUTHN, WITH_TOTP_ONLY = 0.30, 0.28
ORGANIZATIONS = 0.015


@dataclass(frozen=True)
class SyntheticIndex:
    """The three files and their sizes."""

    downloads: Path
    roles: Path
    accounts: Path
    projects: int
    critical: int
    maintainers: int
    role_count: int


@dataclass(frozen=True)
class _Account:
    username: str
    joined_on: date


def generate_index(
    *,
    seed: int,
    directory: Path,
    projects: int = 350_000,
    critical: int = 3_818,
    maintainers: int = 8_218,
    downloads: Path | None = None,
) -> SyntheticIndex:
    """Write downloads.csv, roles.csv and accounts.csv.

    Args:   critical: the number of projects that have maintainers, the most downloaded ones.
            downloads: a real download list to take the projects from; no downloads.csv is written then.
    Raises: InputErrors: errors in that list.
    """
    random = np.random.default_rng(seed)
    directory.mkdir(parents=True, exist_ok=True)
    if downloads is None:
        downloads = directory / "downloads.csv"
        names = _write_downloads(downloads, random, projects)
    else:
        names, projects = _names_of(downloads, critical)
    critical = min(critical, len(names))
    # Every account has a role, so there are as many maintainers as accounts.
    accounts = _write_accounts(directory / "accounts.csv", random, maintainers)
    role_count = _write_roles(directory / "roles.csv", random, names[:critical], accounts)
    return SyntheticIndex(
        downloads,
        directory / "roles.csv",
        directory / "accounts.csv",
        projects=projects,
        critical=critical,
        maintainers=maintainers,
        role_count=role_count,
    )


def _names_of(downloads: Path, critical: int) -> tuple[list[str], int]:
    listed = read_downloads(read_source(downloads))
    top = top_projects(listed.content, min(critical, listed.rows))
    names: list[str] = top.names.to_pylist()
    return names, listed.rows


def _write_downloads(path: Path, random: Random, projects: int) -> list[str]:
    names = _project_names(random, projects)
    counts = _download_counts(random, projects).tolist()
    _write(path, "project,download_count", (f"{name},{n}" for name, n in zip(names, counts, strict=True)))
    return names


def _download_counts(random: Random, projects: int) -> Numbers:
    """Download counts, highest first, with a little noise around the curve."""
    ranks = np.arange(1, projects + 1) * (CURVE_PROJECTS / projects)
    on_curve = np.exp(np.interp(np.log(ranks), np.log(CURVE_RANKS), np.log(CURVE_DOWNLOADS)))
    counts = (on_curve * random.lognormal(0, 0.15, projects)).astype(np.int64)
    return np.sort(counts)[::-1]


def _words(random: Random, how_many: int, shortest: int, longest: int) -> list[list[str]]:
    """Distinct sequences of syllables. All syllables have two letters, so the joined words differ, too."""
    found: dict[tuple[int, ...], None] = {}
    while len(found) < how_many:
        missing = how_many - len(found)
        syllables = random.integers(0, len(SYLLABLES), (missing, longest)).tolist()
        lengths = random.integers(shortest, longest + 1, missing).tolist()
        found.update((tuple(row[:n]), None) for row, n in zip(syllables, lengths, strict=True))
    return [[SYLLABLES[number] for number in word] for word in found]


def _project_names(random: Random, how_many: int) -> list[str]:
    """Project names: some in two parts, a few with capitals."""
    separators = random.choice(["", "-", "_", "."], how_many, p=[0.45, 0.42, 0.1, 0.03]).tolist()
    capitals = (random.random(how_many) < 0.06).tolist()
    words = _words(random, how_many, 3, 6)
    spelled = (
        word[0] + word[1] + separator + "".join(word[2:])
        for word, separator in zip(words, separators, strict=True)
    )
    return [name.title() if capital else name for name, capital in zip(spelled, capitals, strict=True)]


def _write_accounts(path: Path, random: Random, how_many: int) -> list[_Account]:
    usernames = ["".join(word) for word in _words(random, how_many, 3, 5)]
    # The index has been growing, so later days are more likely.
    days = (random.beta(2.0, 1.6, how_many) * (LAST_DAY - FIRST_DAY).days).astype(int).tolist()
    accounts = [
        _Account(name, FIRST_DAY + timedelta(days=day)) for name, day in zip(usernames, days, strict=True)
    ]
    seconds = random.integers(0, 86_400, how_many).tolist()
    two_factor, app, organization, verified, unknown = (random.random(how_many).tolist() for _ in range(5))
    rows = []
    for i, account in enumerate(accounts):
        has_webauthn = two_factor[i] < WITH_WEBAUTHN
        # Most people with a security key set up an authenticator app first.
        has_totp = app[i] < 0.7 if has_webauthn else two_factor[i] < WITH_WEBAUTHN + WITH_TOTP_ONLY
        joined_at = "" if unknown[i] < 0.01 else _moment(account.joined_on, seconds[i])
        flags = (has_totp, has_webauthn, organization[i] < ORGANIZATIONS)
        rows.append(
            f"{account.username},{account.username}@example.org,{_flag(verified[i] < 0.98)},{joined_at},"
            + ",".join(map(_flag, flags))
        )
    _write(path, "username,email,email_verified,joined_at,has_totp,has_webauthn,is_organization", rows)
    return accounts


def _write_roles(path: Path, random: Random, projects: list[str], accounts: list[_Account]) -> int:
    """Every project has an owner and every account a role; some accounts have many."""
    pairs = _owners(len(projects), len(accounts)) | _helpers(random, len(projects), len(accounts))
    owns = (random.random(len(pairs)) < 0.3).tolist()
    waits = random.random(len(pairs)).tolist()
    rows = []
    for i, ((project, account), is_owner) in enumerate(pairs.items()):
        joined_on = accounts[account].joined_on
        since = joined_on + timedelta(days=int(waits[i] * (LAST_DAY - joined_on).days))
        role = "Owner" if is_owner or owns[i] else "Maintainer"
        rows.append(f"{projects[project]},{accounts[account].username},{role},{since}")
    _write(path, "project,username,role,since", rows)
    return len(rows)


# (project, account) → whether the account is the project's first owner.
_Pairs = dict[tuple[int, int], bool]


def _owners(projects: int, accounts: int) -> _Pairs:
    return {(project, project % accounts): True for project in range(projects)}


def _helpers(random: Random, projects: int, accounts: int) -> _Pairs:
    """A role for each account without a project, and more for a few; top projects get the most."""
    idle = list(range(projects, accounts))
    prolific = (random.pareto(1.2, accounts // 5) * 20).astype(int) % accounts
    helpers = idle + prolific.tolist()
    helped = (random.random(len(helpers)) ** 1.5 * projects).astype(int).tolist()
    return {
        pair: False
        for pair in zip(helped, helpers, strict=True)
        if pair[0] % accounts != pair[1]  # the owner needs no second role
    }


def _moment(day: date, second: int) -> str:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _write(path: Path, header: str, rows: Iterable[str]) -> None:
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8", newline="\n")
