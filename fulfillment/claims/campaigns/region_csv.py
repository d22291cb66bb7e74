"""Export the region table as CSV with all its dated rows, and import the rows in force from now on."""

import csv
import io
from datetime import datetime
from pathlib import Path

from common.errors import InputError, InputErrors, Problem
from fulfillment.claims.campaigns.regions import FIELDS, load_regions
from fulfillment.claims.models import Region
from roster.files.records import records
from roster.files.source import read_source

_DATES = ("valid_from", "valid_until")
_FLAGS = {"true": True, "false": False}


def export_regions() -> str:
    """Every row, past and present, by country and date; rows in force have no `valid_until`."""
    text = io.StringIO()
    names = ["country", "subdivision", *FIELDS, *_DATES]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    rows = Region.objects.filter(key_model__isnull=True).order_by("country", "subdivision", "valid_from")
    for row in rows:
        writer.writerow({name: _written(getattr(row, name)) for name in names})
    return text.getvalue()


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else str(value)


def import_regions(*, path: Path, now: datetime) -> int:
    """Update the region table from a CSV file; return how many rows changed or are new.

    Rows with a `valid_until` are history and ignored. Countries that are not in the file do not change.
    Raises: InputErrors: every cell that is not valid, with line and field.
    """
    source = read_source(path)
    problems: list[Problem] = []
    rows: list[dict[str, object]] = []
    for line, record in records(source, ("country", "status"), ("subdivision", *FIELDS, *_DATES)):
        if not record.pop("valid_until", ""):
            record.pop("valid_from", None)
            rows.append(_row(line, record, problems))
    if problems:
        raise InputErrors(path, problems)
    if not rows:
        raise InputError(path, "the file has no row without a valid_until.", line=1)
    return load_regions(document={"regions": rows}, now=now, source=str(path))


def _row(line: int, record: dict[str, object], problems: list[Problem]) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, cell in record.items():
        value = "" if cell is None else str(cell)
        kind = FIELDS.get(name, str)
        if kind is bool and value.lower() in _FLAGS:
            row[name] = _FLAGS[value.lower()]
        elif kind is int and value.isascii() and value.isdecimal() and len(value) < 10:
            row[name] = int(value)
        elif kind is str:
            row[name] = value
        else:
            expected = "true or false" if kind is bool else "a whole number"
            problems.append(Problem(f"must be {expected}.", line=line, field=name))
    return row
