"""The measures of the production code that may not get worse: names, imports, sizes."""

from pathlib import Path

import pytest

from tests.measures import Tree

# Public names that mean one thing in two modules that cannot share it.
SAME_THING_TWICE = {
    # Programs that are started as files, one of them without the rest of the code.
    "main",
    # The ledger's account and the index's account; the stored decision and the decided one.
    "Account",
    "Decision",
}
MOST_MODULES = 15
LONGEST_CHAIN = 15
ANY_LINES_PER_1000 = 6


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree()


def test_a_public_name_is_defined_once(tree: Tree) -> None:
    assert set(tree.shared_names) == SAME_THING_TWICE


def test_no_package_is_crowded(tree: Tree) -> None:
    crowded = {name: size for name, size in tree.modules_by_package().items() if size > MOST_MODULES}
    assert crowded == {}


def test_imports_are_shallow_and_without_circles(tree: Tree) -> None:
    assert len(tree.longest_chain) <= LONGEST_CHAIN, tree.longest_chain
    assert tree.circles == []


def test_it_would_notice_each_of_them(tmp_path: Path) -> None:
    package = tmp_path / "common"
    package.mkdir()
    for index in range(17):
        (package / f"m{index}.py").write_text(
            f"from common import m{(index + 1) % 17}\n\n\ndef same() -> None: ...\n"
        )
    bad = Tree(tmp_path)
    assert list(bad.shared_names) == ["same"]
    assert bad.modules_by_package() == {"common": 17}
    assert [len(circle) for circle in bad.circles] == [17]
    (package / "m16.py").write_text("X = 1\n")
    assert len(Tree(tmp_path).longest_chain) == 17


def test_few_values_are_of_any_type(tree: Tree) -> None:
    assert tree.any_per_1000 <= ANY_LINES_PER_1000
