"""Columns of names, judged byte by byte, agree with names judged one by one."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.files import columns, names

patient = settings(deadline=None)
letters = st.text("abAB09._-", min_size=1, max_size=40)
anything = st.text(max_size=12) | letters
project_names = letters.filter(names.is_project_name)


@patient
@given(st.lists(anything, min_size=1, max_size=20))
def test_a_column_is_of_project_names_when_each_is_one(column: list[str]) -> None:
    column = [name for name in column if name < "\ud800" or name.isascii()] or ["a"]
    assert columns.NameColumn(pa.array(column, pa.string())).are_project_names() == all(
        map(names.is_project_name, column)
    )


@patient
@given(st.lists(project_names, min_size=1, max_size=20), st.integers(0, 19))
def test_a_column_is_normalized_name_by_name(column: list[str], start: int) -> None:
    # A slice starts somewhere inside its buffers.
    sliced = pa.array(column, pa.string()).slice(min(start, len(column) - 1))
    assert columns.NameColumn(sliced).normalized().to_pylist() == [
        names.normalized(n) for n in sliced.to_pylist()
    ]


@patient
@given(st.lists(project_names, min_size=1, max_size=50))
def test_a_name_that_stands_twice_is_noticed(column: list[str]) -> None:
    projects = {names.normalized(name) for name in column}
    assert columns.NameColumn(pa.array(column, pa.string())).are_distinct() == (len(projects) == len(column))


def test_names_that_differ_in_one_place_are_distinct_and_one_repeated_among_many_is_not() -> None:
    many = [f"{'x' * (n % 30)}{n}" for n in range(20_000)]
    assert columns.NameColumn(pa.array(many, pa.string())).are_distinct()
    assert not columns.NameColumn(pa.array([*many, many[7]], pa.string())).are_distinct()
