"""Read rows into typed DataFrames, with COPY and Arrow, from one database snapshot."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO

import pandas as pd
import pyarrow as pa
from django.db import connection, transaction
from psycopg import sql
from pyarrow import csv

WORD = pa.dictionary(pa.int32(), pa.string())
TEXT = pa.string()
WHOLE = pa.int64()
FLAG = pa.bool_()
TIME = pa.timestamp("us", tz="UTC")

Columns = Mapping[str, pa.DataType]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Run all queries in the block on one database snapshot (REPEATABLE READ, read only).

    Inside an open transaction it changes nothing: the isolation level is the caller's choice.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def copy(query: str, columns: Columns, *, as_of: datetime) -> pd.DataFrame:
    """Run a query with COPY, which is several times faster than fetching rows, and type its columns.

    Args: query: SQL in which `{as_of}` stands for the moment and `{day}` for the UTC day it falls on.
    """
    assert as_of.tzinfo is not None, "as_of is aware"
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(query).format(
            as_of=sql.Literal(as_of),
            day=sql.SQL("({} AT TIME ZONE 'UTC')::date").format(sql.Literal(as_of)),
        )
    )
    # Never keeps the text, the Arrow columns and the DataFrame in memory together.
    table = _table(_copied(statement), columns)
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def _copied(statement: sql.Composed) -> memoryview:
    text = BytesIO()
    with connection.cursor() as cursor, cursor.copy(statement) as rows:
        text.writelines(rows)
    return text.getbuffer()


def _table(text: memoryview, columns: Columns) -> pa.Table:
    """Read CSV into Arrow. Its reader refuses empty text, which here means a table without rows."""
    if not text:
        return pa.table({name: pa.array([], kind) for name, kind in columns.items()})
    return csv.read_csv(
        pa.BufferReader(text),
        read_options=csv.ReadOptions(column_names=list(columns)),
        convert_options=csv.ConvertOptions(
            column_types=dict(columns), true_values=["t"], false_values=["f"], strings_can_be_null=False
        ),
    )
