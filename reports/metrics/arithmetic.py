"""Deterministic arithmetic: whole numbers, rounding half up, quantiles by rank."""

from typing import Any

import numpy as np
import pandas as pd

from reports.documents import Spread


def rounded(numerator: int, denominator: int) -> int | None:
    """The quotient rounded half up to a whole number; None when the denominator is 0."""
    return (2 * numerator + denominator) // (2 * denominator) if denominator else None


def quantiles(seconds: "pd.Series[Any]") -> Spread:
    """Count, median and 90th percentile of durations, in whole seconds.

    Both are the duration at that rank (SQL's `percentile_disc`), never an average of two. Negative durations
    come from clocks that disagree: they are excluded and counted in `impossible`.
    """
    whole = seconds.dropna().astype(np.int64).to_numpy()
    sound = np.sort(whole[whole >= 0])
    return {
        "count": len(sound),
        "median_s": _at(sound, 50),
        "p90_s": _at(sound, 90),
        "impossible": len(whole) - len(sound),
    }


def _at(ascending: "np.ndarray[Any, Any]", percent: int) -> int | None:
    if not len(ascending):
        return None
    rank = -(-percent * len(ascending) // 100)
    return int(ascending[max(rank, 1) - 1])


def seconds_between(earlier: "pd.Series[Any]", later: "pd.Series[Any]") -> "pd.Series[Any]":
    """Whole seconds between the moments, rounded down; missing where either is."""
    return (later - earlier).dt.total_seconds().floordiv(1)


def look_up(keys: "pd.Series[Any]", values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The value of each key, by the index of `values`; missing where it is not in it."""
    found: pd.Series[Any] = values.reindex(keys).set_axis(keys.index)
    return found
