"""JSON export: the document a report is made from."""

import json

from reports.tables import Report


def as_json(report: Report) -> bytes:
    return (json.dumps(report.document, indent=2, ensure_ascii=False) + "\n").encode()
