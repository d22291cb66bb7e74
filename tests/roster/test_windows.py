"""Windows of daily files: the sums are those of adding up all days, however they were come by."""

import os
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command

from common.errors import InputErrors
from roster.files.windows import STATE, DailyWindow, Ranking, rank_window
from roster.models import Designation, Snapshot
from roster.services.designations import designate_critical
from roster.services.downloads import import_window
from tests.roster.conftest import LATER, NOW

FIRST = date(2022, 1, 1)
Counts = dict[str, int]


def write_day(directory: Path, day: date, counts: Counts) -> Path:
    path = directory / f"{day}.parquet"
    pq.write_table(pa.table({"project": list(counts), "download_count": list(counts.values())}), path)
    return path


@pytest.fixture
def days(tmp_path: Path) -> list[Counts]:
    """Twelve days of thirty projects; not all are downloaded every day."""
    random = Random(7)
    made = []
    for number in range(12):
        counts = {f"p{n}": random.randint(1, 1000) for n in range(30) if random.random() < 0.8}
        made.append(counts)
        write_day(tmp_path, FIRST + timedelta(days=number), counts)
    return made


def window(first: int, last: int) -> DailyWindow:
    return DailyWindow(FIRST + timedelta(days=first), FIRST + timedelta(days=last))


def summed(days: list[Counts], first: int, last: int) -> list[tuple[str, int]]:
    sums: Counts = {}
    for counts in days[first : last + 1]:
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    return sorted(sums.items(), key=lambda row: (-row[1], row[0]))


def rows(ranking: Ranking) -> list[tuple[str, int]]:
    return list(zip(*(column.to_pylist() for column in ranking.table.columns), strict=True))


def rank(directory: Path, first: int, last: int, keep: int = 100) -> Ranking:
    return rank_window(directory=directory, window=window(first, last), keep_rows=keep)


def test_a_window_is_summed_and_slid_by_reading_two_days(tmp_path: Path, days: list[Counts]) -> None:
    whole = rank(tmp_path, 0, 8)
    assert (rows(whole), whole.days_read, whole.projects) == (summed(days, 0, 8), 9, 30)
    for step in range(1, 4):
        slid = rank(tmp_path, step, 8 + step)
        assert (rows(slid), slid.days_read) == (summed(days, step, 8 + step), 2)
    assert rank(tmp_path, 3, 11).days_read == 0
    assert rank(tmp_path, 3, 11).sha256 == slid.sha256 != whole.sha256
    fresh = tmp_path / STATE
    for path in fresh.iterdir():
        path.unlink()
    again = rank(tmp_path, 3, 11)
    assert (rows(again), again.sha256, again.days_read) == (rows(slid), slid.sha256, 9)


def test_it_slides_back_and_by_many_days_and_starts_over_when_that_is_less(
    tmp_path: Path, days: list[Counts]
) -> None:
    rank(tmp_path, 3, 9)
    for first, last, read in ((2, 8, 2), (4, 10, 4), (0, 2, 3)):
        ranking = rank(tmp_path, first, last)
        assert (rows(ranking), ranking.days_read) == (summed(days, first, last), read)


def test_a_project_no_longer_downloaded_leaves_the_ranks(tmp_path: Path) -> None:
    for number, counts in enumerate([{"a": 5, "b": 1}, {"b": 1}, {"b": 2}]):
        write_day(tmp_path, FIRST + timedelta(days=number), counts)
    assert rank(tmp_path, 0, 1).projects == 2
    assert rows(rank(tmp_path, 1, 2)) == [("b", 3)]


def test_a_day_that_was_exported_again_is_not_mixed_with_what_it_was(
    tmp_path: Path, days: list[Counts]
) -> None:
    rank(tmp_path, 0, 5)
    days[3] = {"p1": 7}
    path = write_day(tmp_path, FIRST + timedelta(days=3), days[3])
    os.utime(path, ns=(1, 1))
    assert (rows(rank(tmp_path, 0, 5)), rows(rank(tmp_path, 1, 6))) == (
        summed(days, 0, 5),
        summed(days, 1, 6),
    )
    # The day that leaves changed after it was added: nothing says what to take away.
    days[1] = {"p2": 9}
    os.utime(write_day(tmp_path, FIRST + timedelta(days=1), days[1]), ns=(2, 2))
    assert rows(rank(tmp_path, 2, 7)) == summed(days, 2, 7)


@pytest.mark.parametrize("broken", ["window.json", "keys.npy", "downloads.npy", "names.parquet"])
def test_what_was_kept_and_cannot_be_read_is_made_anew(
    tmp_path: Path, days: list[Counts], broken: str
) -> None:
    rank(tmp_path, 0, 8)
    (tmp_path / STATE / broken).unlink()
    assert rows(rank(tmp_path, 1, 9)) == summed(days, 1, 9)


def test_those_level_with_the_last_are_kept_with_it(tmp_path: Path) -> None:
    write_day(tmp_path, FIRST, {"a": 9, "b": 5, "c": 5, "d": 5, "e": 1})
    assert [name for name, _ in rows(rank(tmp_path, 0, 0, keep=2))] == ["a", "b", "c", "d"]


BAD = {
    "a negative": (pa.table({"project": ["a", "b"], "download_count": [1, -1]}), "download_count", 2),
    "a null": (pa.table({"project": ["a", None], "download_count": [1, 1]}), "project", 2),
    "no column": (pa.table({"project": ["a"], "downloads": [1]}), "download_count", 1),
    "a fraction": (pa.table({"project": ["a"], "download_count": [1.5]}), "download_count", None),
    "no row": (
        pa.table({"project": pa.array([], pa.string()), "download_count": pa.array([], pa.int64())}),
        None,
        None,
    ),
    "a formula": (pa.table({"project": ["=a"], "download_count": [10**9]}), "project", None),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_day_is_named_and_the_sums_before_stay(tmp_path: Path, days: list[Counts], name: str) -> None:
    rank(tmp_path, 0, 8)
    table, field, line = BAD[name]
    path = tmp_path / f"{FIRST + timedelta(days=9)}.parquet"
    good = path.read_bytes()
    pq.write_table(table, path)
    with pytest.raises(InputErrors) as refused:
        rank(tmp_path, 1, 9)
    assert (refused.value.source, refused.value.problems[0].field) == (str(path), field)
    assert refused.value.problems[0].line == line
    path.write_bytes(good)
    assert rows(rank(tmp_path, 1, 9)) == summed(days, 1, 9)


def test_a_cut_file_and_missing_days_are_named(tmp_path: Path, days: list[Counts]) -> None:
    path = tmp_path / f"{FIRST + timedelta(days=2)}.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputErrors, match="cannot be read") as refused:
        rank(tmp_path, 0, 8)
    assert refused.value.source == str(path)
    path.unlink()
    with pytest.raises(InputErrors, match="no file for 2022-01-03"):
        rank(tmp_path, 0, 8)


@pytest.mark.django_db
def test_a_window_is_a_snapshot_with_its_days_to_designate_from(tmp_path: Path, days: list[Counts]) -> None:
    imported, _ = import_window(directory=tmp_path, window=window(0, 8), actor="ops", now=NOW)
    snapshot = Snapshot.objects.get()
    assert (snapshot.window_start, snapshot.window_end) == (FIRST, FIRST + timedelta(days=8))
    assert (imported.is_new, snapshot.rows) == (True, 30)
    again, _ = import_window(directory=tmp_path, window=window(0, 8), actor="ops", now=LATER)
    assert (again.is_new, again.snapshot) == (False, snapshot)
    designate_critical(cohort_size=3, actor="ops", now=NOW)
    top = summed(days, 0, 8)[:3]
    ranks = Designation.objects.order_by("rank").values_list("project__name", "downloads")
    assert list(ranks) == top
    call_command("import_window", str(tmp_path), "--end", str(FIRST + timedelta(days=9)), "--days", "9")
    assert Snapshot.objects.count() == 2
