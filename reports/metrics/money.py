"""Amounts paid, refunded and kept."""

import pandas as pd

from reports.documents import ParcelCosts, PaymentRow, PaymentSums, ProgrammeCosts
from reports.metrics.arithmetic import rounded

_PAID = ["charge", "payment"]
_SENT_BACK = ["refund", "refund_failure"]
_DISPUTED = ["dispute", "dispute_reversal"]


def payments(entries: pd.DataFrame) -> list[PaymentRow]:
    """Amounts by settlement currency, in minor units: gross, fees, refunds, disputes, net."""
    return [
        {"currency": str(currency), **sums(rows)}
        for currency, rows in entries.groupby(entries["currency"].astype(str))
    ]


def sums(entries: pd.DataFrame) -> PaymentSums:
    """The same sums of any balance transactions. Refunds and disputes are positive when paid out."""
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
    """Total cost of the programme by currency: parcels, less net payments.

    Args:    sending: from `parcels.sending`. paid: from `payments`. delivered_keys: two are a pair.
    Returns: `cost_cents` is negative where payments exceed the cost of parcels.
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
