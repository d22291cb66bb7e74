"""Sums that are the same wherever they are done: whole numbers, rounded half up, quantiles by rank."""

from typing import Any

import numpy as np
import pandas as pd

from reports.documents import Spread


def rounded(numerator: int, denominator: int) -> int | None:
    """The quotient, half up, in whole numbers; None of nothing."""
    return (2 * numerator + denominator) // (2 * denominator) if denominator else None


def quantiles(seconds: "pd.Series[Any]") -> Spread:
    """How long things took: how many did, the median and the 90th percentile, in whole seconds.

    Both are the duration at that rank (SQL's `percentile_disc`), never one between two. Durations below
    zero are clocks that disagree: they are counted apart and left out.
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
    """Whole seconds from one moment to the other, rounded down; missing where either is."""
    return (later - earlier).dt.total_seconds().floordiv(1)


def look_up(keys: "pd.Series[Any]", values: "pd.Series[Any]") -> "pd.Series[Any]":
    """What each key stands for in `values`, by its index; missing where it is not there."""
    found: pd.Series[Any] = values.reindex(keys).set_axis(keys.index)
    return found
