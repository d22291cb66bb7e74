"""Build a report and its JSON document from tables."""

from collections.abc import Sequence
from datetime import datetime

from reports.as_of import moment_in_words
from reports.tables import Report, Table


def build_statement(
    *, name: str, title: str, as_of: datetime, summary: Sequence[str], tables: Sequence[Table]
) -> Report:
    """Build the report; its JSON has each table as a list of objects."""
    document = {
        "report": name,
        "as_of": moment_in_words(as_of),
        "summary": list(summary),
        **{
            table.name: [
                dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.rows
            ]
            for table in tables
        },
    }
    return Report(name, title, moment_in_words(as_of), tuple(summary), tuple(tables), document)
