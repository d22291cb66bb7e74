"""XLSX export: one sheet a table, with typed cells, and a sheet that describes the columns."""

from datetime import date, datetime
from io import BytesIO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.tables import Kind, Report, Table, Value

Looks = dict[str, Format]
# Excel's limit for the name of a sheet.
_NAME_LENGTH = 31
_FORMATS = {
    Kind.COUNT: "#,##0",
    Kind.MILLI: "#,##0.0",
    Kind.CENTS: "#,##0.00",
    Kind.PERMILLE: "0.0%",
    Kind.SECONDS: "[h]:mm:ss",
    Kind.DAY: "yyyy-mm-dd",
    Kind.MOMENT: "yyyy-mm-dd hh:mm:ss",
}


def as_xlsx(report: Report) -> bytes:
    out = BytesIO()
    # Text never becomes a formula or a link.
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    # The date of the report, not of the export, so that the same report gives the same file.
    book.set_properties({"title": report.title, "created": datetime.fromisoformat(report.as_of)})
    looks: Looks = {kind: book.add_format({"num_format": pattern}) for kind, pattern in _FORMATS.items()}
    looks |= {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "title": book.add_format({"bold": True, "font_size": 14}),
        "wrapped": book.add_format({"text_wrap": True, "valign": "top"}),
        "number_head": book.add_format(
            {"bold": True, "bottom": 1, "align": "right", "text_wrap": True, "valign": "top"}
        ),
    }
    _explain(book.add_worksheet("About"), report, looks)
    for table in report.tables:
        _sheet(book.add_worksheet(table.name[:_NAME_LENGTH]), table, looks)
    book.close()
    return out.getvalue()


def _explain(sheet: Worksheet, report: Report, looks: Looks) -> None:
    sheet.set_column(0, 1, 22)
    sheet.set_column(2, 2, 12)
    sheet.set_column(3, 3, 90)
    sheet.write_string(0, 0, report.title, looks["title"])
    sheet.write_string(1, 0, f"as of {report.as_of}")
    row = 3
    for sentence in report.summary:
        sheet.merge_range(row, 0, row, 3, sentence, looks["wrapped"])
        sheet.set_row(row, 15 * (1 + len(sentence) // 120))
        row += 1
    row += 1
    for place, name in enumerate(("sheet", "column", "holds", "meaning")):
        sheet.write_string(row, place, name, looks["head"])
    for table in report.tables:
        for column in table.columns:
            row += 1
            for place, value in enumerate((table.name, column.name, str(column.kind), column.meaning)):
                sheet.write_string(row, place, value)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _sheet(sheet: Worksheet, table: Table, looks: Looks) -> None:
    sheet.write_string(0, 0, table.title, looks["title"])
    sheet.write_string(1, 0, table.about)
    for place, column in enumerate(table.columns):
        is_number = column.kind in _FORMATS
        sheet.write_string(3, place, column.name, looks["number_head" if is_number else "head"])
        longest = max([len(column.name), *(len(str(row[place] or "")) for row in table.rows)])
        sheet.set_column(place, place, min(max(longest + 2, 9), 60))
    for number, row in enumerate(table.rows, start=4):
        for place, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            _cell(sheet, (number, place), column.kind, value, looks)
    sheet.freeze_panes(4, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(3)


def _cell(sheet: Worksheet, at: tuple[int, int], kind: Kind, value: Value, looks: Looks) -> None:
    if value is None:
        return
    look = looks.get(kind)
    if isinstance(value, str):
        if kind == Kind.DAY:
            sheet.write_datetime(*at, date.fromisoformat(value), look)
        elif kind == Kind.MOMENT:
            sheet.write_datetime(*at, datetime.fromisoformat(value).replace(tzinfo=None), look)
        else:
            sheet.write_string(*at, value)
        return
    # Spreadsheet units: amounts with decimals, fractions of one, days.
    divisor = {Kind.MILLI: 1000, Kind.CENTS: 100, Kind.PERMILLE: 1000, Kind.SECONDS: 86_400}.get(kind, 1)
    sheet.write_number(*at, value / divisor if divisor > 1 else value, look)
