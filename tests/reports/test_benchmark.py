"""The benchmark's rows are made by SQL: they must still fit the tables, and add up."""

from typing import Any

from django.db import connection

from benchmarks.reports_redemption import _ROWS, AS_OF, START, set_defaults
from inventory.default_key_models import ensure_catalogue
from reports.redemption import redemption_report


def test_its_rows_fit_and_add_up(db: None) -> None:
    ensure_catalogue(START)
    numbers: dict[str, Any] = {"units": 40, "claims": 15, "sent": 15, "rest": 20, "start": START}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        set_defaults(cursor)
        for statement in _ROWS:
            cursor.execute(statement, numbers)
    report = redemption_report(campaign_slug=None, as_of=AS_OF)
    assert report["stock"]["adds_up"]
    assert (report["keys"]["total"], report["keys"]["shipped"], report["claims"]["total"]) == (40, 30, 15)
    assert report["costs"]["sending"][0]["labels"] == 15
