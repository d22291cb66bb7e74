"""Statement of the value of keys in stock."""

from datetime import datetime

from inventory.rules import Account
from reports.database import one_snapshot
from reports.frames import movements
from reports.frames.logs import key_values
from reports.metrics.redeemed_keys import stock_by_account
from reports.statements.builder import build_statement
from reports.tables import Report, count_column, money_column, table, text_column

# Accounts of keys that we own; keys with a carrier or delivered were given away.
_OURS = (
    Account.AVAILABLE,
    Account.RESERVED,
    Account.PACKED,
    Account.HELD,
    Account.QUARANTINE,
    Account.RETURNED,
)


def stock_valuation(as_of: datetime) -> Report:
    """Stock by key model and account, at customs value."""
    with one_snapshot():
        moves, values = movements(as_of), key_values(as_of)
    standing = stock_by_account(moves)
    rows = []
    totals: dict[str, int] = {}
    for sku, value, currency in values.itertuples(index=False):
        keys = standing["by_key_model"].get(str(sku), {})
        for account in _OURS:
            if units := keys.get(str(account), 0):
                totals[str(currency)] = totals.get(str(currency), 0) + units * int(value)
                rows.append(
                    {
                        "sku": str(sku),
                        "account": str(account),
                        "keys": units,
                        "each_cents": int(value),
                        "value_cents": units * int(value),
                        "currency": str(currency),
                    }
                )
    return build_statement(
        name="stock",
        title="Stock valuation",
        as_of=as_of,
        summary=("Stock at its customs value.",),
        tables=(
            table(
                "value",
                "Stock by key model and account",
                "One row is a key model in one account of the ledger.",
                (
                    text_column("sku", "key model"),
                    text_column("account", "account of the ledger"),
                    count_column("keys", "how many"),
                    money_column("each_cents", "customs value of one key, in minor units"),
                    money_column("value_cents", "value of all of them"),
                    text_column("currency", "ISO 4217"),
                ),
                rows,
            ),
            table(
                "total",
                "Total",
                "One row is a currency.",
                (
                    text_column("currency", "ISO 4217"),
                    money_column("value_cents", "value of all stock"),
                ),
                [{"currency": currency, "value_cents": value} for currency, value in sorted(totals.items())],
            ),
        ),
    )
