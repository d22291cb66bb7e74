"""Statement of the value of keys in stock."""

from datetime import datetime

from inventory.rules import Account
from reports.database import one_snapshot
from reports.frames import movements
from reports.frames.logs import key_values
from reports.metrics.keys import stock_by_account
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
        summary=("Keys in the house at the value that customs is told.",),
        tables=(
            table(
                "value",
                "Keys in the house",
                "One row is a key model in one account of the ledger.",
                (
                    text_column("sku", "key model"),
                    text_column("account", "where the keys stand"),
                    count_column("keys", "how many"),
                    money_column("each_cents", "what one would be sold for, in minor units"),
                    money_column("value_cents", "of all of them"),
                    text_column("currency", "ISO 4217"),
                ),
                rows,
            ),
            table(
                "total",
                "In all",
                "One row is a currency.",
                (
                    text_column("currency", "ISO 4217"),
                    money_column("value_cents", "of all keys in the house"),
                ),
                [{"currency": currency, "value_cents": value} for currency, value in sorted(totals.items())],
            ),
        ),
    )
