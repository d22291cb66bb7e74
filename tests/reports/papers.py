"""Papers as images: the pages of a PDF, and the sheets of a workbook as a page that a browser can show."""

import io
import json
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import typst
from openpyxl.utils import get_column_letter

# Excel's default font: so wide a column of one character is, in pixels.
_CHARACTER = 7


def pages_of(pdf: bytes) -> list[bytes]:
    """Each page of a PDF as PNG, read from the file itself."""
    with TemporaryDirectory(prefix="keydesk-looks-") as name:
        folder = Path(name)
        (folder / "it.pdf").write_bytes(pdf)
        found: list[bytes] = []
        while True:
            (folder / "show.typ").write_text(
                "#set page(width: 595pt, height: 842pt, margin: 0pt)\n"
                f"#image({json.dumps('it.pdf')}, page: {len(found) + 1}, width: 100%)\n"
            )
            try:
                image = typst.compile(folder / "show.typ", root=folder, format="png", ppi=96.0)
            except typst.TypstError:
                assert found, "a PDF has a first page"
                return found
            found.append(image)


def sheets_as_page(xlsx: bytes) -> str:
    """Every sheet as a table with the widths and formats of its cells, cut off where a spreadsheet does."""
    book = openpyxl.load_workbook(io.BytesIO(xlsx))
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Workbook</title><style>"
        "body{font:13px/1.3 Calibri,Carlito,sans-serif;margin:8px}table{border-collapse:collapse;table-layout:fixed;"
        "margin:0 0 24px}td{border:1px solid #d0d0d0;padding:1px 3px;overflow:hidden;white-space:nowrap;"
        "vertical-align:bottom}h2{font-size:14px;background:#eee;padding:2px 6px;display:inline-block}</style><main>"
    ]
    for sheet in book.worksheets:
        widths = {column: _width(sheet, column) for column in range(1, sheet.max_column + 1)}
        parts.append(
            f"<h2>{escape(sheet.title)}</h2><table style='width:{sum(widths.values())}px'><colgroup>"
        )
        parts += [f"<col style='width:{width}px'>" for width in widths.values()]
        parts.append("</colgroup>")
        merged = {area.start_cell.coordinate: area for area in sheet.merged_cells.ranges}
        for row in sheet.iter_rows():
            parts.append("<tr>" + _cells(row, merged) + "</tr>")
        parts.append("</table>")
    return "".join(parts)


def _width(sheet: Any, column: int) -> int:
    width = sheet.column_dimensions[get_column_letter(column)].width or 8.43
    # Ranges of equal columns are kept under their first.
    for dimension in sheet.column_dimensions.values():
        if dimension.min and dimension.min <= column <= dimension.max:
            width = dimension.width
    return round(width * _CHARACTER + 5)


def _cells(row: tuple[Any, ...], merged: dict[str, Any]) -> str:
    found, skip = [], 0
    for place, cell in enumerate(row):
        if skip:
            skip -= 1
            continue
        area = merged.get(cell.coordinate)
        span = area.max_col - area.min_col + 1 if area else 1
        skip = span - 1
        beside = row[place + 1].value if place + 1 < len(row) else None
        style = "overflow:visible;" if isinstance(cell.value, str) and beside is None else ""
        style += "white-space:normal;" if cell.alignment.wrap_text else ""
        style += "text-align:right;" if isinstance(cell.value, int | float) else ""
        style += "font-weight:bold;" if cell.font.bold else ""
        found.append(
            f"<td colspan={span} style='{style}'>{escape(shown(cell.value, cell.number_format))}</td>"
        )
    return "".join(found)


def shown(value: object, pattern: str) -> str:
    """A value under one of the formats our workbooks use."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S" if "h" in pattern else "%Y-%m-%d")
    if isinstance(value, timedelta):
        value = value / timedelta(days=1)
    if isinstance(value, int | float):
        if pattern == "0.0%":
            return f"{100 * value:.1f}%"
        if pattern == "[h]:mm:ss":
            seconds = round(value * 86_400)
            return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{value:,.2f}" if pattern.endswith(".00") else f"{value:,}"
    return str(value)
