"""References in code and docs: every section, decision, invariant, file and name that is cited exists."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from common.invariants import INVARIANTS
from config.environment import ROOT
from tests.measures import PACKAGES

THIS_FILE = "tests/config/test_references.py"
_SUFFIXES = {".py", ".md", ".html", ".toml", ".typ", ".js", ".css", ".sql", ".importlinter", ".example"}
_NAMES = {"Makefile", ".ci/run"}
# It tells of the past, when files had other names.
_PATHS_OF_THE_PAST = {"CHANGELOG.md"}

# Private notes that the project was built from; what is needed of them is in docs/.
_PRIVATE = re.compile(r"\b(?:DESIGN|INTEGRATIONS|HOUSE-STYLE)\b|\b(?:CONTRACT|FACTS)\.md\b")
_PAGE = r"(?:docs/)?(?P<page>[a-z][a-z-]*\.md)`?"
_SECTION = re.compile(rf"(?:{_PAGE} )?(?P<before>CFR )?§ (?P<number>\d+(?:\.\d+)*)")
_JOINED = re.compile(r"(?: and|,| to) (?:its )?$")
_DECISION = re.compile(r"\bdecisions? (\d+(?:(?:, | and )\d{4})*)|\bdecisions/(\d+)")
_INVARIANT = re.compile(r"(?<![\w.-])I(\d{1,2})(?![\w.-]\w|\w)")
_NAME_IN_FILE = re.compile(r"(?<![\w/.-])([\w./-]+\.py)::(\w+)")
_DOCS_PATH = re.compile(r"(?<![\w/.])docs/[\w./-]*\w")
_QUOTED = re.compile(r"`([^`\s]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
_DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
_HEADING = re.compile(r"^#{2,6} (\d+(?:\.\d+)*)\.? ", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """A reference that leads nowhere."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@cache
def tracked() -> frozenset[str]:
    """The files of the project, and the folders they are in."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = {name for name in listed.splitlines() if (ROOT / name).exists()}
    return frozenset(files | {str(folder) for name in files for folder in Path(name).parents})


@cache
def texts() -> dict[str, str]:
    """The text files that may cite something, by path."""
    return {
        name: (ROOT / name).read_text()
        for name in sorted(tracked())
        if (Path(name).suffix in _SUFFIXES or name in _NAMES or Path(name).name in _SUFFIXES)
        and (ROOT / name).is_file()
    }


@cache
def numbered_sections(page: str) -> frozenset[str]:
    return frozenset(_HEADING.findall((ROOT / "docs" / page).read_text()))


@cache
def names_of(path: str) -> frozenset[str]:
    """What a module defines or imports, at any depth."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
    return frozenset(names)


def problems_in(path: str, text: str) -> list[Problem]:
    """Every reference in a text that does not resolve."""
    found = [
        *_private_papers(text),
        *_sections(path, text),
        *_decisions(text),
        *_invariants(path, text),
    ]
    if path not in _PATHS_OF_THE_PAST:
        found += [*_names_in_files(text), *_docs_paths(text)]
        if path.endswith(".md"):
            found += [*_quoted(text), *_links(path, text)]
    return [Problem(path, text.count("\n", 0, at) + 1, what) for at, what in sorted(found)]


Found = Iterator[tuple[int, str]]


def _private_papers(text: str) -> Found:
    for match in _PRIVATE.finditer(text):
        yield match.start(), f"{match[0]} is not in the repository"


def _sections(path: str, text: str) -> Found:
    """Bare numbers are of the page they stand in; in code, of the page cited last in the same paragraph."""
    own = path.removeprefix("docs/") if re.fullmatch(r"docs/[a-z-]+\.md", path) else None
    cited, end, paragraph = own, -1, 0
    for match in _SECTION.finditer(text):
        if match["before"]:
            continue
        blank = text.rfind("\n\n", 0, match.start())
        if match["page"]:
            cited = match["page"]
        elif (own and not (end >= 0 and _JOINED.search(text[end : match.start()]))) or blank > paragraph:
            cited = own
        end, paragraph = match.end(), blank
        if cited is None:
            yield match.start(), f"§ {match['number']} of which page?"
        elif f"docs/{cited}" not in tracked():
            yield match.start(), f"there is no docs/{cited}"
        elif match["number"] not in numbered_sections(cited):
            yield match.start(), f"docs/{cited} has no § {match['number']}"


def _decisions(text: str) -> Found:
    for match in _DECISION.finditer(text):
        for number in re.findall(r"\d+", match[1] or match[2]):
            if number not in _decision_numbers():
                yield match.start(), f"there is no decision {number}"


@cache
def _decision_numbers() -> frozenset[str]:
    pages = (re.fullmatch(r"docs/decisions/(\d{4})-[a-z0-9-]+\.md", name) for name in tracked())
    return frozenset(page[1] for page in pages if page)


def _invariants(path: str, text: str) -> Found:
    for match in _INVARIANT.finditer(text):
        if match[0] not in INVARIANTS:
            yield match.start(), f"there is no invariant {match[0]}"


def _names_in_files(text: str) -> Found:
    for match in _NAME_IN_FILE.finditer(text):
        path, name = match[1], match[2]
        if path not in tracked():
            yield match.start(), f"there is no file {path}"
        elif name not in names_of(path):
            yield match.start(), f"{path} defines no {name}"


def _docs_paths(text: str) -> Found:
    for match in _DOCS_PATH.finditer(text):
        if match[0] not in tracked() and not any(name.startswith(f"{match[0]}-") for name in tracked()):
            yield match.start(), f"there is no {match[0]}"


def _quoted(text: str) -> Found:
    for match in _QUOTED.finditer(text):
        quoted = match[1].split("::")[0].split("(")[0]
        if _DOTTED.fullmatch(quoted) and not _is_file_name(quoted):
            if not _resolves_dotted(quoted):
                yield match.start(), f"there is no {quoted}"
        elif _PATH.fullmatch(quoted) and _means_a_path(quoted) and not _resolves_path(quoted):
            yield match.start(), f"there is no file {quoted}"


def _is_file_name(text: str) -> bool:
    return "/" not in text and Path(text).suffix in _SUFFIXES - {".example"}


def _means_a_path(text: str) -> bool:
    """A file of the project: below one of its folders, or a name with the suffix of a text file."""
    if "/" in text:
        return text.split("/", 1)[0] in tracked() and not text.startswith("var/")
    return Path(text).suffix in {".py", ".md", ".html"}


def _resolves_path(text: str) -> bool:
    clean = text.rstrip("/")
    if clean in tracked() or f"docs/{clean}" in tracked():
        return True
    if "/" in text:
        # `decisions/0050`: a page by its number.
        return any(name.startswith((f"{clean}-", f"docs/{clean}-")) for name in tracked())
    return any(Path(name).name == clean for name in tracked())


def _resolves_dotted(text: str) -> bool:
    """A module, or a name in one; what follows the name (a field of a class) is not looked at."""
    parts = text.split(".")
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[:length])
        if length == len(parts) and stem in tracked():
            return True
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if path in tracked():
                return length == len(parts) or parts[length] in names_of(path)
    return False


def _links(path: str, text: str) -> Found:
    for match in _LINK.finditer(text):
        target = match[1]
        if ":" in target or target.startswith("/"):
            continue
        resolved = (ROOT / path).parent.joinpath(target).resolve()
        if not resolved.is_relative_to(ROOT) or str(resolved.relative_to(ROOT)) not in tracked():
            yield match.start(), f"the link {target} leads nowhere"


def test_every_reference_leads_somewhere() -> None:
    found = [
        problem for path, text in texts().items() if path != THIS_FILE for problem in problems_in(path, text)
    ]
    assert [str(problem) for problem in found] == []


def test_the_project_is_read() -> None:
    assert len(texts()) > 1000
    assert {"Makefile", "pyproject.toml", ".importlinter", "README.md", THIS_FILE} <= texts().keys()


def test_the_index_of_decisions_lists_each_once_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^- (\d{4}) \[(.+)\]\((.+)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    pages = sorted(folder.glob("[0-9]*.md"))
    assert sorted(listed) == [
        (page.name[:4], page.read_text().partition("\n")[0].removeprefix("# "), page.name) for page in pages
    ]
    assert len({page.name[:4] for page in pages}) == len(pages)


def whats(problems: Iterable[Problem]) -> list[str]:
    return [problem.what for problem in problems]


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        ("roster/rules/decision.py", "# as DESIGN § 4 has it", "DESIGN is not in the repository"),
        ("roster/rules/decision.py", "# CONTRACT.md says so", "CONTRACT.md is not in the repository"),
        ("roster/rules/decision.py", "# see docs/vendors.md § 99", "docs/vendors.md has no § 99"),
        (
            "roster/rules/decision.py",
            "# see docs/vendors.md § 4.3 and § 4.99",
            "docs/vendors.md has no § 4.99",
        ),
        ("roster/rules/decision.py", "# as § 4 says", "§ 4 of which page?"),
        ("roster/rules/decision.py", "# docs/vendors.md § 4.\n\n# as § 4 says", "§ 4 of which page?"),
        ("docs/privacy.md", "see § 99", "docs/privacy.md has no § 99"),
        ("docs/privacy.md", "see `vendors.md` § 4 and § 99", "docs/vendors.md has no § 99"),
        ("docs/privacy.md", "see `vanished.md` § 1", "there is no docs/vanished.md"),
        ("roster/rules/decision.py", "# (decision 10)", "there is no decision 10"),
        ("roster/rules/decision.py", "# (decisions 0101 and 0999)", "there is no decision 0999"),
        ("roster/rules/decision.py", "# docs/decisions/0999", "there is no decision 0999"),
        ("roster/rules/decision.py", "# keeps I99", "there is no invariant I99"),
        ("roster/rules/decision.py", "# see docs/vanished.md", "there is no docs/vanished.md"),
        ("docs/privacy.md", "`api/vanished.py::it`", "there is no file api/vanished.py"),
        ("docs/privacy.md", "`api/urls.py::vanished`", "api/urls.py defines no vanished"),
        ("tests/conftest.py", "# as tests/vanished.py::test_it", "there is no file tests/vanished.py"),
        ("docs/privacy.md", "`roster/vanished/`", "there is no file roster/vanished/"),
        ("docs/privacy.md", "`vanished.py`", "there is no file vanished.py"),
        ("docs/privacy.md", "`roster.rules.vanished`", "there is no roster.rules.vanished"),
        ("docs/privacy.md", "[a page](vanished.md)", "the link vanished.md leads nowhere"),
    ],
)
def test_a_bad_reference_is_found(path: str, text: str, what: str) -> None:
    assert what in whats(problems_in(path, f"First line.\n{text}\n"))
    assert {problem.line for problem in problems_in(path, f"First line.\n{text}\n")} <= {2, 4}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "roster/rules/decision.py",
            "# docs/vendors.md § 4.3, and its § 4.4\n# (decisions 0101 and 0113), I12",
        ),
        ("roster/rules/decision.py", "# of no more than 2,500 USD (15 CFR § 30.37(a))"),
        ("docs/vendors.md", "§ 4.4 and `privacy.md` § 2 and § 3, but § 8"),
        ("docs/privacy.md", "`api/urls.py`, `decisions/0050`, `roster.rules.Decision`, `deployment.md`"),
        ("docs/decisions/README.md", "[one](0101-django-on-python-3-11-with-a-short-list-of-libraries.md)"),
        ("CHANGELOG.md", "`roster/vanished.py` and docs/vanished.md are gone"),
    ],
)
def test_a_good_reference_is_not_a_problem(path: str, text: str) -> None:
    assert whats(problems_in(path, text)) == []
