"""What payers paid, and what was left of it."""

from typing import Any

import pandas as pd

_PAID = ["charge", "payment"]
_SENT_BACK = ["refund", "refund_failure"]
_DISPUTED = ["dispute", "dispute_reversal"]


def payments(entries: pd.DataFrame) -> list[dict[str, Any]]:
    """Per currency of the settlement, in minor units: paid, the vendor's fees, sent back, disputed, net."""
    return [
        {"currency": str(currency), **sums(rows)}
        for currency, rows in entries.groupby(entries["currency"].astype(str))
    ]


def sums(entries: pd.DataFrame) -> dict[str, int]:
    """The same of any lines of the books. Refunds and disputes are positive when money went out."""
    category, amount = entries["category"], entries["amount"]
    return {
        "gross_cents": int(amount[category.isin(_PAID)].sum()),
        "fee_cents": int(entries["fee"].sum()),
        "refunds_cents": -int(amount[category.isin(_SENT_BACK)].sum()),
        "disputes_cents": -int(amount[category.isin(_DISPUTED)].sum()),
        "net_cents": int(entries["net"].sum()),
    }
