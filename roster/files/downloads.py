"""Download lists: (project, downloads) tables from CSV, JSON or Parquet.

A list of the whole index has hundreds of thousands of rows, so it is read and checked by column. Only if
there is an error is it read again by row, to report what and where.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from common.errors import InputError
from roster.files.columns import NameColumn
from roster.files.download_tables import SCHEMA, as_parquet, numbers
from roster.files.error_collector import FileErrors
from roster.files.fast_csv import read_plain
from roster.files.names import is_project_name, look_alikes, normalized
from roster.files.records import csv_header, records
from roster.files.source import SourceFile
from roster.rules.json_parser import LARGEST_COUNT, quoted

COLUMNS = ("project", "download_count")


# Rows of a list that are kept: 50,000 or a twentieth, five times the default cohort of 1 %.
KEPT_ROWS, KEPT_SHARE = 50_000, 20


@dataclass(frozen=True)
class DownloadList:
    """A valid list: the number of projects, and the table of the most downloaded ones."""

    rows: int
    content: bytes


def read_downloads(source: SourceFile) -> DownloadList:
    """Read and check a list.

    Raises: InputErrors: the errors of the file, each with line and field.
    """
    plain = None if source.is_parquet or source.is_json else read_plain(source)
    if plain is not None:
        return DownloadList(len(plain), as_parquet(plain.table(_least_kept(plain.downloads))))
    table = _by_columns(source)
    if table is None or not _is_sound(table):
        table = _by_rows(source)
    downloads = numbers(table)
    kept = table.filter(pc.greater_equal(table["downloads"], _least_kept(downloads)))
    return DownloadList(table.num_rows, as_parquet(kept))


def _least_kept(downloads: npt.NDArray[np.int64]) -> int:
    """The number of downloads a project needs to be kept; ties are kept together."""
    most = max(KEPT_ROWS, len(downloads) // KEPT_SHARE)
    if len(downloads) <= most:
        return 0
    return int(np.partition(downloads, len(downloads) - most)[len(downloads) - most])


def _by_columns(source: SourceFile) -> pa.Table | None:
    """The unchecked table in the file's order; None when its columns have the wrong types."""
    try:
        if source.is_parquet:
            table = _parquet(source)
        elif source.is_json:
            return None
        else:
            table = _csv(source)
        return table.cast(SCHEMA).combine_chunks()
    except pa.ArrowException:
        return None


def _csv(source: SourceFile) -> pa.Table:
    csv_header(source, COLUMNS)
    # Arrow reads 0x1F as a number; without such text the counts are read as numbers directly.
    counts = pa.string() if b"0x" in source.data or b"0X" in source.data else pa.int64()
    table = pyarrow.csv.read_csv(
        pa.BufferReader(source.data),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={"project": pa.string(), "download_count": counts},
            include_columns=list(COLUMNS),
            null_values=[],
            strings_can_be_null=False,
        ),
    ).rename_columns(SCHEMA.names)
    if counts == pa.string() and not pc.all(pc.ascii_is_decimal(table["downloads"])).as_py():
        raise pa.ArrowInvalid("not a decimal number")
    return table


def _parquet(source: SourceFile) -> pa.Table:
    table = _parquet_table(source)
    if not pa.types.is_integer(table.schema.field("download_count").type):
        raise pa.ArrowInvalid("not a whole number")
    return table.rename_columns(SCHEMA.names)


def _parquet_table(source: SourceFile) -> pa.Table:
    try:
        schema = pq.read_schema(pa.BufferReader(source.data))
    except (pa.ArrowException, OSError):
        raise InputError(
            source.path, "this Parquet file cannot be read.", remedy="Export it again."
        ) from None
    for name in COLUMNS:
        if schema.names.count(name) != 1:
            raise InputError(source.path, "unknown column.", line=1, field=name)
    try:
        return pq.read_table(pa.BufferReader(source.data), columns=list(COLUMNS))
    except (pa.ArrowException, OSError):
        raise InputError(
            source.path, "this Parquet file cannot be read.", remedy="Export it again."
        ) from None


def _is_sound(table: pa.Table) -> bool:
    if table.num_rows == 0 or table["project"].null_count or table["downloads"].null_count:
        return False
    if pc.min(table["downloads"]).as_py() < 0:
        return False
    names = NameColumn(table["project"].chunk(0))
    return names.are_project_names() and names.are_distinct()


def _by_rows(source: SourceFile) -> pa.Table:
    faults = FileErrors(source)
    projects: list[str] = []
    downloads: list[int] = []
    seen: dict[str, tuple[int, str]] = {}
    is_text = not (source.is_parquet or source.is_json)
    for line, row in _rows(source):
        project, count = row["project"], _count(row["download_count"], is_text=is_text)
        _check_project(project, line, seen, faults)
        if count is None:
            faults.add(
                f"{quoted(row['download_count'])} is not a whole number from 0 to {LARGEST_COUNT}.",
                line=line,
                field="download_count",
            )
        if faults.enough:
            break
        projects.append(project)
        downloads.append(count or 0)
    faults.raise_any()
    if not projects:
        raise InputError(
            source.path, "there is not a single project in it.", line=1, remedy="Export it again."
        )
    return pa.table([pa.array(projects, pa.string()), pa.array(downloads, pa.int64())], schema=SCHEMA)


def _rows(source: SourceFile) -> Any:
    if source.is_parquet:
        return enumerate(_parquet_table(source).to_pylist(), 1)
    return records(source, COLUMNS)


def _check_project(project: object, line: int, seen: dict[str, tuple[int, str]], faults: FileErrors) -> None:
    if not isinstance(project, str) or not is_project_name(project):
        faults.add(
            f"{quoted(project)} is not a project's name.",
            line=line,
            field="project",
            remedy=look_alikes(project),
        )
        return
    first_line, spelling = seen.setdefault(normalized(project), (line, project))
    if first_line != line:
        also = "" if spelling == project else f", spelled {spelling}"
        faults.add(
            f"{project} is also on line {first_line} already{also}.",
            line=line,
            field="project",
            remedy="Each project may stand there once, in whatever spelling.",
        )


def _count(value: object, *, is_text: bool) -> int | None:
    """Parse a count from CSV (text) or from JSON or Parquet (number); None if it is invalid."""
    if is_text:
        text = str(value)
        value = int(text) if re.fullmatch(r"[ \t]*[0-9]{1,19}[ \t]*", text, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        return None
    return value
