"""Rows as DataFrames."""

from datetime import datetime
from threading import Thread

import pandas as pd
import pytest
from django.db import connection

from fulfillment.claims.models import Campaign
from reports import frames
from reports.database import one_snapshot
from tests.conftest import receive
from tests.reports.conftest import MOMENTS

# Nobody pays, is billed, is invited or asks for an exception in this small programme.
ELSEWHERE = {"charges", "invitations", "exceptions", "appeals", "book_entries"}
TIMES = {"moved_at", "created_at", "at", "decided_at", "observed_at"}


@pytest.mark.parametrize("name", sorted(frames.Frames.__annotations__))
def test_columns_have_the_same_types_with_rows_and_without(programme: Campaign, name: str) -> None:
    full = getattr(frames.read_frames(MOMENTS[-1]), name)
    empty = getattr(frames.read_frames(datetime.fromisoformat("2001-01-01T00:00:00Z")), name)
    assert len(full) > 0 or name in ELSEWHERE
    assert len(empty) == 0
    assert [str(dtype) for dtype in full.dtypes] == [str(dtype) for dtype in empty.dtypes]
    for column in TIMES & set(full.columns):
        assert str(full[column].dtype) == "datetime64[us, UTC]"
        assert full.empty or full[column].min() <= pd.Timestamp(MOMENTS[-1])


@pytest.mark.parametrize("name", sorted(frames.Frames.__annotations__))
def test_docstrings_list_every_column(programme: Campaign, name: str) -> None:
    documented = getattr(frames, name).__doc__ or ""
    columns = getattr(frames.read_frames(MOMENTS[-1]), name).columns
    listed = [
        line.split()[0]
        for line in documented.splitlines()
        if line.startswith("    ") and "  " in line.strip()
    ]
    assert listed == list(columns)


@pytest.mark.django_db(transaction=True)
def test_all_queries_of_a_report_see_the_same_rows(now: datetime) -> None:
    """Stock that comes in between two of them is in neither."""

    def meanwhile() -> None:
        try:
            receive(now=now, each=1)
        finally:
            connection.close()

    with one_snapshot():
        before = len(frames.movements(now))
        thread = Thread(target=meanwhile)
        thread.start()
        thread.join()
        assert len(frames.movements(now)) == before
    assert len(frames.movements(now)) == before + 2
