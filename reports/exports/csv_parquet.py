"""All tables in one CSV or Parquet file, one row for each value.

table   which table
row     its row, from 1
column  its column
kind    what the column holds: text, count, milli, cents, permille, seconds, day, moment, digest
number  the value, if it is a number
text    the value, if it is a text
about   what the column means
"""

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO

import pyarrow as pa
from pyarrow import parquet

from reports.tables import Report, Table, Value

COLUMNS = ("table", "row", "column", "kind", "number", "text", "about")
# Spreadsheets read these as the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cells(report: Report) -> Iterator[tuple[Value, ...]]:
    for table in report.tables:
        for number, row in enumerate(table.rows, start=1):
            for column, value in zip(table.columns, row, strict=True):
                is_text = isinstance(value, str)
                yield (
                    table.name,
                    number,
                    column.name,
                    str(column.kind),
                    None if is_text else value,
                    value if is_text else None,
                    column.meaning,
                )


def as_csv(report: Report) -> bytes:
    return write_csv(COLUMNS, cells(report))


def write_csv(header: tuple[str, ...], rows: Iterator[tuple[Value, ...]]) -> bytes:
    """CSV (RFC 4180) with a byte order mark for spreadsheets; text that looks like a formula is escaped."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _harmless(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def tables_as_parquet(report: Report) -> bytes:
    columns = list(zip(*cells(report), strict=True)) or [() for _ in COLUMNS]
    kinds = [pa.string(), pa.int64(), pa.string(), pa.string(), pa.int64(), pa.string(), pa.string()]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    return write_parquet(pa.table(dict(zip(COLUMNS, arrays, strict=True))))


def write_parquet(table: pa.Table) -> bytes:
    out = BytesIO()
    parquet.write_table(table, out, compression="zstd")
    return out.getvalue()


def arrow_of(table: Table) -> pa.Table:
    """One table as Arrow, with typed columns and the meaning of each as metadata."""
    kinds = {
        "text": pa.string(),
        "digest": pa.string(),
        "day": pa.date32(),
        "moment": pa.timestamp("us", tz="UTC"),
    }
    fields, arrays = [], []
    for place, column in enumerate(table.columns):
        kind = kinds.get(str(column.kind), pa.int64())
        values = pa.array([row[place] for row in table.rows], pa.string() if kind != pa.int64() else kind)
        arrays.append(values.cast(kind))
        fields.append(pa.field(column.name, kind, metadata={"about": column.meaning, "kind": column.kind}))
    schema = pa.schema(fields, metadata={"title": table.title, "about": table.about})
    return pa.table(arrays, schema=schema)
