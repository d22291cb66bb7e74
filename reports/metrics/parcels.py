"""Carriers' performance and costs, and the cases that followed."""

import pandas as pd

from inventory.rules import Account
from reports.documents import CarrierRow, CaseCounts, CaseReport, ParcelCosts
from reports.metrics.arithmetic import look_up, quantiles, rounded, seconds_between

# A failed delivery attempt, or a parcel to be picked up.
_MISSED = frozenset({"failure", "return_to_sender", "available_for_pickup", "error"})
UNKNOWN_CARRIER = "unknown"
# The name of each sum of charges, and the kinds it includes.
_CHARGES = {
    "duties": ("duty",),
    "adjustments": ("adjustment",),
    "strays": ("stray",),
    "refunds": ("label_refund", "stray_refund"),
    "compensation": ("compensation",),
}


def carriers(
    journeys: pd.DataFrame, labels: pd.DataFrame, tracking: pd.DataFrame, movements: pd.DataFrame
) -> list[CarrierRow]:
    """Parcels handed over, by carrier: delivered, at the first attempt, lost, returned, and time to delivery.

    A parcel counts for the carrier of the claim's last label. Lost: one of its keys was ever in `lost`, even
    if found later. First attempt: delivered without a failed attempt before.
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
            "to_the_door": quantiles(rows["days"]),
        }
        for carrier, rows in sent.groupby("carrier")
    ]


def sending(
    labels: pd.DataFrame, charges: pd.DataFrame, *, delivered_keys: int, enrolled: int
) -> list[ParcelCosts]:
    """Costs of parcels, by currency and item; a delivered pair is two delivered keys.

    All parcels count, including those that never arrived.

    Returns: `postage_cents` is labels with the vendor's fee, without insurance; `refunds_cents` and
             `compensation_cents` are income and positive; `net_cents` is all costs less both. Per-unit
             amounts are rounded half up; None while nothing is delivered or nobody has enrolled.
    """
    bought = labels.groupby(labels["currency"].astype(str))[["cost_cents", "premium_cents"]].sum()
    count = labels.groupby(labels["currency"].astype(str)).size()
    sums = charges.groupby([charges["currency"].astype(str), charges["kind"].astype(str)])["cents"].sum()
    rows: list[ParcelCosts] = []
    for currency in sorted({*bought.index, *sums.index.get_level_values(0)}):
        cost, premium = (int(bought[column].get(currency, 0)) for column in ("cost_cents", "premium_cents"))
        kinds = {
            kind: sum(int(sums.get((currency, part), 0)) for part in parts)
            for kind, parts in _CHARGES.items()
        }
        net = cost + sum(kinds.values())
        rows.append(
            {
                "currency": str(currency),
                "labels": int(count.get(currency, 0)),
                "postage_cents": cost - premium,
                "insurance_cents": premium,
                "duties_cents": kinds["duties"],
                "adjustments_cents": kinds["adjustments"],
                "strays_cents": kinds["strays"],
                "refunds_cents": -kinds["refunds"],
                "compensation_cents": -kinds["compensation"],
                "net_cents": net,
                "cents_per_delivered_pair": rounded(2 * net, delivered_keys),
                "cents_per_enrolled": rounded(net, enrolled),
            }
        )
    return rows


def case_numbers(rows: pd.DataFrame, as_of: pd.Timestamp) -> CaseReport:
    """Cases by reason and outcome: opened, open, overdue, closed, closed in time, and time to close."""
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
            {"reason": str(reason), **_counts(ours), "to_close": quantiles(ours["took"])}
            for reason, ours in table.groupby(table["reason"].astype(str))
        ],
        "by_outcome": {
            str(outcome): int(count)
            for outcome, count in sorted(outcomes.items(), key=lambda row: (-int(row[1]), str(row[0])))
        },
    }


def _counts(table: pd.DataFrame) -> CaseCounts:
    return {
        "opened": len(table),
        "open": int(table["is_open"].sum()),
        "overdue": int(table["is_overdue"].sum()),
        "closed": int((~table["is_open"]).sum()),
        "closed_in_time": int(table["is_in_time"].sum()),
    }
