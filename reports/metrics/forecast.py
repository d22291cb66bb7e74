"""Forecast: when stock runs out, and which claims are at risk."""

from math import sqrt
from typing import Any

import numpy as np
import pandas as pd

from inventory.rules import Account
from reports.documents import CaseCounts, Forecast, Risk, StockCounts, WaitlistCounts

WINDOW_DAYS = 28
# Two-sided 90 % of the normal distribution.
_Z90 = 1.645
METHOD = (
    f"The mean of keys reserved a day, less those released, over the last {WINDOW_DAYS} days; "
    "the range is the 90 % confidence interval of the mean, by the normal approximation."
)


def stock_forecast(movements: pd.DataFrame, as_of: pd.Timestamp) -> Forecast:
    """Forecast of when available stock runs out, at the rate of the last four weeks.

    Returns: days from `as_of`; None for more than a hundred years (at the slow end of the range: perhaps
             never). `window_days` is shorter while the stock is younger than the window.
    """
    left = movements["to_account"].eq(Account.AVAILABLE).to_numpy()
    taken = movements["from_account"].eq(Account.AVAILABLE).to_numpy()
    available = int(left.sum() - taken.sum())
    claimed = taken & movements["to_account"].eq(Account.RESERVED).to_numpy()
    put_back = left & movements["from_account"].eq(Account.RESERVED).to_numpy()
    if movements.empty:
        days = 0
    else:
        days = min(WINDOW_DAYS, int((as_of - movements["moved_at"].min()) / pd.Timedelta(days=1)))
    forecast: Forecast = {
        "available": available,
        "window_days": days,
        "method": METHOD,
        "per_day_milli": None,
        "days": None,
        "earliest_days": None,
        "latest_days": None,
    }
    if days < 2:
        return forecast
    age = (as_of - movements["moved_at"]).dt.days.to_numpy()
    recent = age < days
    daily = np.bincount(age[recent & claimed], minlength=days) - np.bincount(
        age[recent & put_back], minlength=days
    )
    mean = float(daily.mean())
    margin = _Z90 * float(daily.std(ddof=1)) / sqrt(days)
    return {
        **forecast,
        "per_day_milli": round(1000 * mean),
        "days": _days(available, mean),
        "earliest_days": _days(available, mean + margin),
        "latest_days": _days(available, mean - margin),
    }


def _days(available: int, per_day: float) -> int | None:
    if per_day <= 0 or available / per_day > 36_500:
        return None
    return int(available / per_day)


def risks(
    journeys: pd.DataFrame,
    as_of: pd.Timestamp,
    *,
    accepted: "pd.Series[Any]",
    stock: StockCounts,
    forecast: Forecast,
    cases: CaseCounts,
    waitlist: WaitlistCounts,
) -> list[Risk]:
    """Risks that need attention, worst first; none with a count of 0.

    Args: accepted: claims in that state now. The others are parts of the redemption report.
    """
    waiting = journeys["accepted_at"].notna() & journeys["shipped_at"].isna()
    open_claims = journeys["claim"].isin(accepted)
    slow = int((waiting & open_claims & (journeys["accepted_at"] < as_of - pd.Timedelta(days=14))).sum())
    under_way = journeys["shipped_at"].notna() & journeys["delivered_at"].isna() & journeys["back_at"].isna()
    silent = int((under_way & (journeys["shipped_at"] < as_of - pd.Timedelta(days=30))).sum())
    accounts = stock["accounts"]
    latest = forecast["days"]
    found = [
        ("ledger", 0 if stock["adds_up"] else 1, "stock ledger does not add up"),
        ("overdue_cases", cases["overdue"], "cases are past their due time"),
        ("missing", accounts["missing"], "keys were not found in a count"),
        ("lost", accounts["lost"], "keys are lost with a carrier"),
        ("not_shipped", slow, "claims were accepted over 14 days ago and have not been shipped"),
        ("not_delivered", silent, "parcels were shipped over 30 days ago and have not arrived"),
        ("waiting", waitlist["waiting"], "claims are on the waitlist"),
        ("stock", int(latest is not None and latest <= 28), "stock is forecast to run out within 28 days"),
    ]
    return [{"risk": code, "count": count, "meaning": meaning} for code, count, meaning in found if count]
