"""HTML export: one self-contained page, for an email or an archive."""

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from reports.chart_registry import pictures_of
from reports.tables import Report, printed


def as_html(report: Report) -> bytes:
    pictures = {
        # Our own SVG, made of numbers and text that Vega escapes.
        picture.table: (picture.alt, mark_safe(picture.svg("light").decode()))  # noqa: S308
        for picture in pictures_of(report)
    }
    sections = [
        {"table": table, "picture": pictures.get(table.name), "rows": printed(table)}
        for table in report.tables
        if table.rows
    ]
    page = render_to_string("reports/document.html", {"report": report, "sections": sections})
    return page.encode()
