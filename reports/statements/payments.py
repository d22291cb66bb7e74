"""Statement of payments, by month."""

from datetime import datetime

from reports.frames import book_entries
from reports.metrics.money import sums
from reports.redemption_tables import PAYMENT_COLUMNS
from reports.statements.builder import build_statement
from reports.tables import Report, table, text_column


def payments_statement(as_of: datetime) -> Report:
    """Balance transactions by month and currency, as fetched so far."""
    entries = book_entries(as_of)
    month = entries["recorded_at"].dt.strftime("%Y-%m")
    rows = [
        {"month": str(name), "currency": str(currency), **sums(ours)}
        for (name, currency), ours in entries.groupby([month, entries["currency"].astype(str)])
    ]
    return build_statement(
        name="payments",
        title="Payments",
        as_of=as_of,
        summary=(f"{len(entries):,} lines of the payment vendor's books.",),
        tables=(
            table(
                "months",
                "By month",
                "One row is a currency in one month (UTC), by when the line was fetched.",
                (
                    text_column("month", "year and month"),
                    text_column("currency", "ISO 4217"),
                    *PAYMENT_COLUMNS,
                ),
                rows,
            ),
        ),
    )
