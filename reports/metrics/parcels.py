"""What carriers did and what it cost; the cases that came of it."""

from typing import Any

import pandas as pd

from inventory.rules import Account
from reports.metrics.arithmetic import look_up, rounded, seconds_between, spread

# The carrier came and could not hand it over, or it lies somewhere to be fetched.
_MISSED = frozenset({"failure", "return_to_sender", "available_for_pickup", "error"})
UNKNOWN_CARRIER = "unknown"


def carriers(
    journeys: pd.DataFrame, labels: pd.DataFrame, tracking: pd.DataFrame, movements: pd.DataFrame
) -> list[dict[str, Any]]:
    """Per carrier, of parcels handed over: delivered, at the first attempt, lost, back, and days to the door.

    A parcel is of the carrier of the claim's last label. Lost: a key of it ever stood in `lost`; of those,
    some turn up again. First attempt: delivered, and nothing was said of a failed one before.
    """
    sent = journeys[journeys["shipped_at"].notna()].copy()
    by_claim = labels.drop_duplicates("claim", keep="last").set_index("claim")["carrier"].astype(str)
    sent["carrier"] = look_up(sent["claim"], by_claim).fillna("").replace("", UNKNOWN_CARRIER)
    sent["is_lost"] = sent["claim"].isin(movements.loc[movements["to_account"] == Account.LOST, "claim"])
    first_miss = tracking[tracking["status"].isin(_MISSED)].drop_duplicates("claim")
    missed_at = look_up(sent["claim"], first_miss.set_index("claim")["recorded_at"])
    delivered = sent["delivered_at"].notna()
    sent["at_first"] = delivered & ~(missed_at < sent["delivered_at"])
    sent["days"] = seconds_between(sent["shipped_at"], sent["delivered_at"])
    return [
        {
            "carrier": str(carrier),
            "shipped": len(rows),
            "delivered": int(rows["delivered_at"].notna().sum()),
            "at_first_attempt": int(rows["at_first"].sum()),
            "lost": int(rows["is_lost"].sum()),
            "back": int(rows["back_at"].notna().sum()),
            "to_the_door": spread(rows["days"]),
        }
        for carrier, rows in sent.groupby("carrier")
    ]


def postage(labels: pd.DataFrame, *, delivered_keys: int, enrolled: int) -> list[dict[str, Any]]:
    """Labels bought and what they cost, per currency; a delivered pair is two delivered keys.

    All labels count, those of parcels that never arrived too: it is what a pair at the door costs.
    Cents are rounded half up; None while nothing is delivered or nobody enrolled.
    """
    sums = labels.groupby("currency", observed=True)["cost_cents"].agg(["size", "sum"]).sort_index()
    return [
        {
            "currency": str(currency),
            "labels": int(bought),
            "cents": int(cents),
            "cents_per_delivered_pair": rounded(2 * int(cents), delivered_keys),
            "cents_per_enrolled": rounded(int(cents), enrolled),
        }
        for currency, bought, cents in sums.itertuples()
    ]


def cases(rows: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, Any]:
    """Cases by reason: opened, open, overdue, closed, closed in time, how long that took; and outcomes."""
    table = rows.assign(
        is_open=rows["closed_at"].isna(),
        is_overdue=rows["closed_at"].isna() & (rows["due_at"] < as_of),
        is_in_time=rows["closed_at"] <= rows["due_at"],
        took=seconds_between(rows["opened_at"], rows["closed_at"]),
    )
    outcomes = table.loc[~table["is_open"], "outcome"].value_counts()
    return {
        **_counts(table),
        "by_reason": [
            {"reason": str(reason), **_counts(ours), "to_close": spread(ours["took"])}
            for reason, ours in table.groupby(table["reason"].astype(str))
        ],
        "by_outcome": {
            str(outcome): int(count)
            for outcome, count in sorted(outcomes.items(), key=lambda row: (-int(row[1]), str(row[0])))
        },
    }


def _counts(table: pd.DataFrame) -> dict[str, int]:
    return {
        "opened": len(table),
        "open": int(table["is_open"].sum()),
        "overdue": int(table["is_overdue"].sum()),
        "closed": int((~table["is_open"]).sum()),
        "closed_in_time": int(table["is_in_time"].sum()),
    }
