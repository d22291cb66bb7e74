"""PDF export with Typst; the same report gives the same bytes on every machine."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import typst

from reports.chart_registry import pictures_of
from reports.tables import Report, printed

_TEMPLATE = Path(__file__).parent.parent / "typst" / "report.typ"


def report_as_pdf(report: Report) -> bytes:
    with TemporaryDirectory(prefix="keydesk-report-") as name:
        folder = Path(name)
        (folder / "report.typ").write_bytes(_TEMPLATE.read_bytes())
        pictures = {}
        for picture in pictures_of(report):
            (folder / f"{picture.name}.svg").write_bytes(picture.svg("print"))
            pictures[picture.table] = {"file": f"{picture.name}.svg", "alt": picture.alt}
        (folder / "report.json").write_text(json.dumps(_content(report, pictures), ensure_ascii=False))
        # Embedded fonts and no creation time: the bytes depend on neither machine nor hour.
        pdf: bytes = typst.compile(
            folder / "report.typ", root=folder, ignore_system_fonts=True, format="pdf", pdf_standards="ua-1"
        )
        return pdf


def _content(report: Report, pictures: dict[str, dict[str, str]]) -> dict[str, object]:
    return {
        "title": report.title,
        "as_of": report.as_of,
        "summary": list(report.summary),
        "tables": [
            {
                "title": table.title,
                "about": table.about,
                "picture": pictures.get(table.name),
                "columns": [
                    {"title": column.title, "is_text": not column.is_number} for column in table.columns
                ],
                "rows": [[text for text, _ in row] for row in printed(table)],
            }
            for table in report.tables
            if table.rows
        ],
    }
