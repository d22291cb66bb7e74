"""Rows of a CSV, JSON, JSON Lines or Parquet file, each with its line number."""

import csv
import json
from collections.abc import Collection, Iterator
from datetime import date, datetime
from io import StringIO

from common.errors import InputError
from roster.files.source import SourceFile

Record = tuple[int, dict[str, object]]


def records(
    source: SourceFile, required: Collection[str], optional: Collection[str] = ()
) -> Iterator[Record]:
    """Yield (line, row) with the given columns; CSV gives text, JSON its own types, Parquet the
    same with times as text.

    For a JSON list and for Parquet the line is the row's position, from 1. Other columns are ignored; an
    absent optional column is absent from the row.

    Raises: InputError: not text, without header, a row of the wrong length, not JSON, not Parquet.
    """
    columns = [*required, *optional]
    if source.is_parquet:
        rows = _parquet_rows(source, required, optional)
    else:
        rows = _json_rows(source) if source.is_json else _csv_rows(source, required, optional)
    for line, row in rows:
        missing = [name for name in required if name not in row]
        if missing:
            raise InputError(source.path, "is missing.", line=line, field=missing[0])
        yield line, {name: row[name] for name in columns if name in row}


def csv_header(source: SourceFile, required: Collection[str], optional: Collection[str] = ()) -> list[str]:
    """The column names of a CSV file.

    Raises: InputError: a required column is missing, or one that is read is duplicated.
    """
    end = source.data.find(b"\n")
    first = source.data if end < 0 else source.data[:end]
    header = _cells(SourceFile(source.path, first.removeprefix(b"\xef\xbb\xbf")))
    for name in (*required, *optional):
        if header.count(name) > 1 or (name in required and name not in header):
            what = "is missing from the header." if name not in header else "appears twice in the header."
            raise InputError(
                source.path,
                what,
                line=1,
                field=name,
                remedy=f"The first line must name {', '.join(required)}.",
            )
    return header


def _cells(line: SourceFile) -> list[str]:
    try:
        cells = next(csv.reader([line.text.rstrip("\r")], strict=True), [])
    except csv.Error as error:
        raise InputError(line.path, f"this is not CSV: {error}.", line=1) from None
    return [cell.strip() for cell in cells]


def _csv_rows(source: SourceFile, required: Collection[str], optional: Collection[str]) -> Iterator[Record]:
    header = csv_header(source, required, optional)
    reader = csv.reader(StringIO(source.text, newline=""), strict=True)
    try:
        next(reader)
        # A quoted cell may hold line breaks, so a row starts where the one before ended.
        starts_on = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(header):
                raise InputError(
                    source.path, f"the row has {len(row)} cells, the header {len(header)}.", line=starts_on
                )
            if row:
                yield starts_on, dict(zip(header, row, strict=True))
            starts_on = reader.line_num + 1
    except csv.Error as error:
        raise InputError(source.path, f"this is not CSV: {error}.", line=reader.line_num) from None


def _parquet_rows(
    source: SourceFile, required: Collection[str], optional: Collection[str]
) -> Iterator[Record]:
    # Imported here because Arrow slows down the start of a process.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(source.data))
        names = file.schema_arrow.names
        for name in (*required, *optional):
            if names.count(name) > 1 or (name in required and name not in names):
                what = "stands there twice." if name in names else "unknown column."
                raise InputError(source.path, what, line=1, field=name)
        line = 0
        for batch in file.iter_batches(columns=[name for name in (*required, *optional) if name in names]):
            for row in batch.to_pylist():
                line += 1
                yield line, {name: _as_text(value) for name, value in row.items()}
    except (pa.ArrowException, OSError):
        raise InputError(
            source.path, "this Parquet file cannot be read.", remedy="Export it again."
        ) from None


def _as_text(value: object) -> object:
    """Times as text, as in the other formats; one stored without a zone stays without."""
    return value.isoformat() if isinstance(value, date | datetime) else value


def _json_rows(source: SourceFile) -> Iterator[Record]:
    try:
        document = json.loads(source.text)
    except json.JSONDecodeError as error:
        # A second value after the first is what makes it JSON Lines.
        if error.msg != "Extra data":
            raise InputError(
                source.path, f"this is not JSON: {error.msg}.", line=error.lineno, remedy="Export it again."
            ) from None
        yield from _json_lines(source)
        return
    except (RecursionError, ValueError):  # nested without end; a number of thousands of digits
        raise InputError(source.path, "this is not JSON that can be read.", line=1) from None
    # The public monthly dump wraps its rows: {"last_update": …, "rows": […]}.
    rows = document.get("rows", [document]) if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise InputError(source.path, "is not a list.", line=1, field="rows")
    for position, row in enumerate(rows, 1):
        yield position, _row(source, position, row)


def _json_lines(source: SourceFile) -> Iterator[Record]:
    for line, text in enumerate(source.text.split("\n"), 1):
        if text.strip():
            try:
                row = json.loads(text)
            except (RecursionError, ValueError):
                raise InputError(source.path, "this line is not JSON.", line=line) from None
            yield line, _row(source, line, row)


def _row(source: SourceFile, line: int, row: object) -> dict[str, object]:
    if not isinstance(row, dict):
        raise InputError(source.path, "this is not a JSON object.", line=line)
    return row
