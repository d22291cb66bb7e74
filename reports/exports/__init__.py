"""Export formats of reports; the same report gives the same bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from reports.tables import Report


@dataclass(frozen=True)
class Format:
    """A file format: its writer, media type and file name extension.

    writer: module and function, imported on first use because their libraries take a second to load.
    """

    writer: str
    content_type: str
    suffix: str

    def write(self, report: Report) -> bytes:
        module, _, function = self.writer.rpartition(".")
        write: Callable[[Report], bytes] = getattr(import_module(f"reports.exports.{module}"), function)
        return write(report)


FORMATS: Mapping[str, Format] = {
    "json": Format("json_file.as_json", "application/json", "json"),
    "csv": Format("csv_parquet.as_csv", "text/csv; charset=utf-8", "csv"),
    "xlsx": Format(
        "xlsx.as_xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"
    ),
    "parquet": Format("csv_parquet.tables_as_parquet", "application/vnd.apache.parquet", "parquet"),
    "html": Format("html_page.as_html", "text/html; charset=utf-8", "html"),
    "pdf": Format("pdf.report_as_pdf", "application/pdf", "pdf"),
    "csv.zip": Format("archive.csv_archive", "application/zip", "csv.zip"),
    "parquet.zip": Format("archive.parquet_archive", "application/zip", "parquet.zip"),
}
__all__ = ["FORMATS", "Format"]
