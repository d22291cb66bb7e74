"""Plain lists are read as the careful reader reads them, or left to it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.files import downloads, names
from roster.files.download_tables import download_rows, top_projects
from roster.files.fast_csv import HEADER, read_plain
from roster.files.source import SourceFile

letters = st.text("abAB09._-", min_size=1, max_size=20).filter(names.is_project_name)
counts = st.integers(0, 10**18 - 1) | st.integers(0, 50)
# What a careful reader may make something of, and a hasty one must not.
odd = st.sampled_from(
    ["", "a b", '"a"', "-a", "a-", "é", "a,b", "x\r", "1e3", "-1", " 7", "0x1F", "9" * 19, "a" * 256]
)


def plain(text: str) -> SourceFile:
    return SourceFile(Path("list.csv"), text.encode())


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(letters, counts), min_size=1, max_size=30, unique_by=lambda row: names.normalized(row[0])
    )
)
def test_a_sound_list_is_read_whole(rows: list[tuple[str, int]]) -> None:
    listed = read_plain(plain(HEADER.decode() + "".join(f"{name},{count}\n" for name, count in rows)))
    assert listed is not None
    assert listed.downloads.tolist() == [count for _, count in rows]
    assert listed.table(0)["project"].to_pylist() == [name for name, _ in rows]
    least = sorted(count for _, count in rows)[len(rows) // 2]
    table = listed.table(least)
    assert list(zip(table["project"].to_pylist(), table["downloads"].to_pylist(), strict=True)) == [
        row for row in rows if row[1] >= least
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(letters | odd, counts.map(str) | odd), min_size=1, max_size=8))
def test_what_it_reads_the_careful_reader_reads_alike(rows: list[tuple[str, str]]) -> None:
    source = plain(HEADER.decode() + "".join(f"{name},{count}\n" for name, count in rows))
    listed = read_plain(source)
    if listed is not None:
        careful = downloads._by_rows(source)
        assert listed.table(0).to_pydict() == careful.to_pydict()


@pytest.mark.parametrize("again", ["Some.Name", "some--_name", "SOME_NAME"])
def test_a_project_spelled_twice_is_left_to_the_reader_that_names_its_line(again: str) -> None:
    text = "project,download_count\nsome-name,1\nother--name,2\n"
    assert read_plain(plain(text)) is not None
    assert read_plain(plain(f"{text}{again},3\n")) is None


def test_of_a_long_list_the_most_downloaded_are_kept_and_those_level_with_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(downloads, "KEPT_ROWS", 3)
    order = np.random.default_rng(1).permutation(12)
    text = HEADER.decode() + "".join(f"p{n},{n // 2}\n" for n in order)
    for source in (plain(text), plain(text.replace("p", '"p"', 1).replace('"p"roject', "project"))):
        listed = downloads.read_downloads(source)
        assert (listed.rows, download_rows(listed.content)) == (12, 4)
        assert sorted(top_projects(listed.content, 4).names.to_pylist()) == ["p10", "p11", "p8", "p9"]
