"""Statement of cases: how many were closed in time."""

from datetime import datetime

import pandas as pd

from reports.documents import CaseCounts
from reports.frames import cases
from reports.metrics.arithmetic import rounded
from reports.metrics.parcels import case_numbers as counted
from reports.statements.builder import build_statement
from reports.tables import Report, count_column, permille, seconds, table, text_column


def case_service(as_of: datetime) -> Report:
    """Cases by month opened and by reason: share closed by their due time, and time to close."""
    rows = cases(as_of)
    moment = pd.Timestamp(as_of)
    month = rows["opened_at"].dt.strftime("%Y-%m")
    of_months = [(str(name), counted(ours, moment)) for name, ours in rows.groupby(month)]
    whole = counted(rows, moment)
    columns = (
        count_column("opened", "opened"),
        count_column("open", "still open"),
        count_column("overdue", "open and past their due time"),
        count_column("closed", "closed"),
        count_column("closed_in_time", "closed by their due time"),
        permille("in_time_permille", "of those that are closed or overdue, in thousandths"),
    )
    return build_statement(
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
                (text_column("month", "year and month"), *columns),
                [{"month": name, **_in_time(numbers)} for name, numbers in of_months],
            ),
            table(
                "reasons",
                "By reason",
                "One row is a reason.",
                (
                    text_column("reason", "reason for the case"),
                    *columns,
                    seconds("median_s", "median time to close; seconds"),
                    seconds("p90_s", "90th percentile of the time to close; seconds"),
                ),
                [{**_in_time(row), **row["to_close"]} for row in whole["by_reason"]],
            ),
        ),
    )


def _in_time(numbers: CaseCounts) -> dict[str, object]:
    decided = numbers["closed"] + numbers["overdue"]
    return {**numbers, "in_time_permille": rounded(1000 * numbers["closed_in_time"], decided)}
