"""Reports as files: the same report is the same bytes in every format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reports.exports.archive import csv_archive, parquet_archive
from reports.exports.page import as_html
from reports.exports.plain import as_json
from reports.exports.print import as_pdf
from reports.exports.sheets import as_xlsx
from reports.exports.tidy import as_csv, as_parquet
from reports.tables import Report


@dataclass(frozen=True)
class Format:
    """How a report is written, and what it is to a browser."""

    write: Callable[[Report], bytes]
    content_type: str
    suffix: str


FORMATS: Mapping[str, Format] = {
    "json": Format(as_json, "application/json", "json"),
    "csv": Format(as_csv, "text/csv; charset=utf-8", "csv"),
    "xlsx": Format(as_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    "parquet": Format(as_parquet, "application/vnd.apache.parquet", "parquet"),
    "html": Format(as_html, "text/html; charset=utf-8", "html"),
    "pdf": Format(as_pdf, "application/pdf", "pdf"),
    "csv.zip": Format(csv_archive, "application/zip", "csv.zip"),
    "parquet.zip": Format(parquet_archive, "application/zip", "parquet.zip"),
}
__all__ = ["FORMATS", "Format"]
