"""One file a table in a ZIP archive, byte for byte the same for the same report."""

from collections.abc import Iterable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from reports.exports.csv_parquet import arrow_of, write_csv, write_parquet
from reports.tables import Report

# The earliest time the format allows: the bytes must not depend on the time of writing.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def csv_archive(report: Report) -> bytes:
    """A CSV file for each table, and `columns.csv`, which describes their columns."""
    files = [
        (f"{table.name}.csv", write_csv(tuple(column.name for column in table.columns), iter(table.rows)))
        for table in report.tables
    ]
    explained = (
        (table.name, column.name, str(column.kind), column.meaning)
        for table in report.tables
        for column in table.columns
    )
    return archive([("columns.csv", write_csv(("table", "column", "kind", "meaning"), explained)), *files])


def parquet_archive(report: Report) -> bytes:
    """A Parquet file for each table; their metadata describes the columns."""
    return archive((f"{table.name}.parquet", write_parquet(arrow_of(table))) for table in report.tables)


def archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as zipped:
        for name, content in files:
            entry = ZipInfo(name, _EPOCH)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, content)
    return out.getvalue()
