"""Keys at each step, and units by account.

Every metric of keys is a sum of *changes*: what each movement of the ledger changes about one unit.

    claimed    reserved or packed for a claim, or handed to a carrier for one
    shipped    handed to a carrier, including those returned or lost later
    delivered  delivered according to the carrier, which has not corrected it
    redeemed   with the carrier or delivered, for an eligible maintainer: neither returned nor lost
"""

from typing import Any, cast

import numpy as np
import pandas as pd

from inventory.rules import Account
from reports.documents import GroupCounts, KeyModelRow, KeysAtStep, KeyTotals, StockCounts, WeekRow
from reports.metrics import STEPS, UNKNOWN_COUNTRY

_PROMISED = (Account.RESERVED, Account.PACKED)
_SENT = (Account.IN_TRANSIT, Account.DELIVERED, Account.LOST, Account.RETURNED)
_WITH_CARRIER_OR_MAINTAINER = (Account.IN_TRANSIT, Account.DELIVERED)


def key_changes(movements: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """The change that each movement makes to the steps of its unit.

    One row: one movement that changed at least one of the steps, in the order of `movements`.

    unit      int64     key of the unit
    sku       category  its key model
    claim     int64     the claim it moved for; 0 for none
    campaign  category  the claim's campaign; missing when no claim is known
    person    float64   the claim's maintainer; missing as above
    country   category  the claim's country, or ZZ
    policy    category  the version that decided it; missing as above
    wave      category  the wave its maintainer was invited in; missing as above
    moved_at  datetime
    claimed, shipped, delivered, redeemed   int8   +1, 0 or -1
    """
    unit, to_account = movements["unit"], movements["to_account"]
    # A returned key moves on to quarantine, but has been shipped.
    shipped = to_account.isin(_SENT).groupby(unit, sort=False).cummax()
    place = claims.set_index("claim").index.get_indexer(pd.Index(movements["claim"]))
    eligible = np.where(place >= 0, claims["is_eligible"].to_numpy()[place], False) if len(claims) else False
    standing = {
        "claimed": to_account.isin(_PROMISED) | shipped,
        "shipped": shipped,
        "delivered": to_account == Account.DELIVERED,
        "redeemed": to_account.isin(_WITH_CARRIER_OR_MAINTAINER) & eligible,
    }
    is_same_unit = unit.eq(unit.shift())
    steps = {step: _changes(after, is_same_unit) for step, after in standing.items()}
    changed = np.logical_or.reduce([change.to_numpy() != 0 for change in steps.values()])
    told = movements.loc[changed, ["unit", "sku", "claim", "moved_at"]].reset_index(drop=True)
    of_claim = (
        claims.iloc[place[changed]].reset_index(drop=True) if len(claims) else claims.reindex(told.index)
    )
    is_known = place[changed] >= 0
    for column in ("campaign", "person", "country", "policy", "wave"):
        told[column] = of_claim[column].where(is_known)
    told["country"] = told["country"].cat.add_categories(UNKNOWN_COUNTRY).fillna(UNKNOWN_COUNTRY)
    for step, change in steps.items():
        told[step] = change.to_numpy()[changed]
    return told


def _changes(after: "pd.Series[Any]", is_same_unit: "pd.Series[bool]") -> "pd.Series[Any]":
    """Change of a flag from each row of a unit to its next; before the first it is False."""
    number = after.astype(np.int8)
    return number - number.shift(fill_value=0).where(is_same_unit, 0).astype(np.int8)


def of_campaign(rows: pd.DataFrame, slug: str | None) -> pd.DataFrame:
    """The rows of one campaign, or of all."""
    return rows if slug is None else rows[rows["campaign"] == slug]


def headline(changes: pd.DataFrame, movements: pd.DataFrame) -> KeyTotals:
    """Keys received, at each step, and available."""
    total = int((movements["from_account"] == Account.SUPPLIER).sum())
    taken = int((movements["from_account"] == Account.AVAILABLE).sum())
    put_back = int((movements["to_account"] == Account.AVAILABLE).sum())
    return {"total": total, **_at_steps(changes[list(STEPS)].sum()), "available": put_back - taken}


def by_week(changes: pd.DataFrame) -> list[WeekRow]:
    """Keys by ISO week (UTC), from the first change to the last, without gaps.

    Each step has its change within the week, negative when more keys came back than went out, and under
    `standing` its total at the end of the week.
    """
    if changes.empty:
        return []
    monday = changes["moved_at"].dt.floor("D") - pd.to_timedelta(changes["moved_at"].dt.day_of_week, unit="D")
    weekly = changes[list(STEPS)].astype(np.int64).groupby(monday).sum()
    weekly = weekly.reindex(pd.date_range(weekly.index.min(), weekly.index.max(), freq="7D"), fill_value=0)
    standing = weekly.cumsum()
    return [
        {
            "week": f"{start.isocalendar().year}-W{start.isocalendar().week:02}",
            "starts_on": start.date().isoformat(),
            **_at_steps(weekly.loc[start]),
            "standing": _at_steps(standing.loc[start]),
        }
        for start in weekly.index
    ]


def by_group(changes: pd.DataFrame, column: str) -> list[tuple[str, GroupCounts]]:
    """Keys by country, policy or wave, in order; `people` are maintainers with keys in `claimed`."""
    known = changes[changes[column].notna()]
    group = known[column].astype(str)
    sums = known[list(STEPS)].astype(np.int64).groupby(group).sum().sort_index()
    held = known.groupby([group, "person"])["claimed"].sum()
    people = held[held > 0].groupby(level=0).size()
    return [
        (str(name), {"people": int(people.get(name, 0)), **_at_steps(sums.loc[name])}) for name in sums.index
    ]


def by_key_model(changes: pd.DataFrame, movements: pd.DataFrame) -> list[KeyModelRow]:
    """The headline for each key model, by SKU."""
    return [
        {"sku": sku, **headline(changes[changes["sku"] == sku], movements[movements["sku"] == sku])}
        for sku in sorted(movements["sku"].unique())
    ]


def stock_by_account(movements: pd.DataFrame) -> StockCounts:
    """Units by account, counted in two ways that must agree.

    By the ledger: movements into an account minus movements out of it. By the units: the account of each
    unit's last movement. `adds_up` is true when both agree for every account and key model and their sum
    is the number received.
    """
    by_ledger = _count(movements, "to_account") - _count(movements, "from_account")
    # Rows are ordered by unit, so the last row of a unit is followed by another unit.
    is_last = movements["unit"].ne(movements["unit"].shift(-1))
    by_units = _count(movements[is_last], "to_account")
    received = int((movements["from_account"] == Account.SUPPLIER).sum())
    standing = by_ledger.drop(columns=str(Account.SUPPLIER))
    agree = standing.equals(by_units.drop(columns=str(Account.SUPPLIER)))
    return {
        "accounts": _whole(standing.sum()),
        "by_key_model": {str(sku): _whole(standing.loc[sku]) for sku in standing.index},
        "total_received": received,
        "adds_up": bool(agree and int(standing.to_numpy().sum()) == received),
    }


def _count(movements: pd.DataFrame, side: str) -> pd.DataFrame:
    """Movements per key model (rows) and account (columns, all of them, in the ledger's order)."""
    counted = movements.groupby(["sku", side], observed=True).size().unstack(fill_value=0)
    counted.columns = counted.columns.astype(str)
    counted.index = counted.index.astype(str)
    skus = sorted(counted.index)
    return counted.reindex(index=skus, columns=[str(account) for account in Account], fill_value=0).astype(
        np.int64
    )


def _at_steps(row: "pd.Series[Any]") -> KeysAtStep:
    return cast(KeysAtStep, {step: int(row[step]) for step in STEPS})


def _whole(row: "pd.Series[Any]") -> dict[str, int]:
    return {str(name): int(value) for name, value in row.items()}
