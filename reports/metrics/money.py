"""Amounts paid, refunded and kept."""

import pandas as pd

from reports.documents import ParcelCosts, PaymentRow, PaymentSums, ProgrammeCosts
from reports.metrics.arithmetic import rounded

_PAID = ["charge", "payment"]
_SENT_BACK = ["refund", "refund_failure"]
_DISPUTED = ["dispute", "dispute_reversal"]


def payments(entries: pd.DataFrame) -> list[PaymentRow]:
    """Per currency of the settlement, in minor units: paid, the vendor's fees, sent back, disputed, net."""
    return [
        {"currency": str(currency), **sums(rows)}
        for currency, rows in entries.groupby(entries["currency"].astype(str))
    ]


def sums(entries: pd.DataFrame) -> PaymentSums:
    """The same of any lines of the books. Refunds and disputes are positive when money went out."""
    category, amount = entries["category"], entries["amount"]
    return {
        "gross_cents": int(amount[category.isin(_PAID)].sum()),
        "fee_cents": int(entries["fee"].sum()),
        "refunds_cents": -int(amount[category.isin(_SENT_BACK)].sum()),
        "disputes_cents": -int(amount[category.isin(_DISPUTED)].sum()),
        "net_cents": int(entries["net"].sum()),
    }


def programme_money(
    sending: list[ParcelCosts], paid: list[PaymentRow], *, delivered_keys: int, enrolled: int
) -> list[ProgrammeCosts]:
    """What the foundation paid in all, per currency: for parcels, less what payers' money left after fees.

    Args:    sending: `parcels.sending`. paid: `payments`. delivered_keys: of which two are a pair.
    Returns: `cost_cents` may be negative where payers paid for more than their parcels.
    """
    spent = {row["currency"]: row["net_cents"] for row in sending}
    earned = {row["currency"]: row["net_cents"] for row in paid}
    rows: list[ProgrammeCosts] = []
    for currency in sorted({*spent, *earned}):
        cost = spent.get(currency, 0) - earned.get(currency, 0)
        rows.append(
            {
                "currency": currency,
                "sending_cents": spent.get(currency, 0),
                "received_cents": earned.get(currency, 0),
                "cost_cents": cost,
                "cents_per_delivered_pair": rounded(2 * cost, delivered_keys),
                "cents_per_enrolled": rounded(cost, enrolled),
            }
        )
    return rows
