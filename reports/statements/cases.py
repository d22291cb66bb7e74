"""Whether cases were worked in time."""

from datetime import datetime
from typing import Any

import pandas as pd

from reports.frames import cases
from reports.metrics.arithmetic import rounded
from reports.metrics.parcels import cases as counted
from reports.statements.builder import statement
from reports.tables import Report, count, permille, seconds, table, text


def case_service(as_of: datetime) -> Report:
    """Cases by month of opening and by reason: how many were closed by their due time, and how fast."""
    rows = cases(as_of)
    moment = pd.Timestamp(as_of)
    month = rows["opened_at"].dt.strftime("%Y-%m")
    of_months = [(str(name), counted(ours, moment)) for name, ours in rows.groupby(month)]
    whole = counted(rows, moment)
    columns = (
        count("opened", "opened"),
        count("open", "still open"),
        count("overdue", "open and past their due time"),
        count("closed", "closed"),
        count("closed_in_time", "closed by their due time"),
        permille("in_time_permille", "of those that are closed or overdue, in thousandths"),
    )
    return statement(
        name="cases",
        title="Service levels of cases",
        as_of=as_of,
        summary=(
            f"{whole['opened']:,} cases, {whole['open']:,} open, {whole['overdue']:,} of these overdue; "
            f"{whole['closed_in_time']:,} of {whole['closed']:,} closed in time.",
        ),
        tables=(
            table(
                "months",
                "By month",
                "One row is the month (UTC) in which cases were opened.",
                (text("month", "year and month"), *columns),
                [{"month": name, **_in_time(numbers)} for name, numbers in of_months],
            ),
            table(
                "reasons",
                "By reason",
                "One row is a reason.",
                (
                    text("reason", "why somebody had to look"),
                    *columns,
                    seconds("median_s", "half were closed within; seconds"),
                    seconds("p90_s", "nine in ten were closed within; seconds"),
                ),
                [{**_in_time(row), **row["to_close"]} for row in whole["by_reason"]],
            ),
        ),
    )


def _in_time(numbers: dict[str, Any]) -> dict[str, Any]:
    decided = numbers["closed"] + numbers["overdue"]
    return {**numbers, "in_time_permille": rounded(1000 * numbers["closed_in_time"], decided)}
