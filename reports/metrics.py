"""The numbers of the reports, computed from frames: pandas in, plain values out, no database.

Every metric of keys is a sum of *changes*: what each movement of the ledger changes about one unit.

    claimed    promised to a maintainer: reserved or packed for a claim, or handed to a carrier for one
    shipped    handed to a carrier, whatever became of it then
    delivered  at the door, says the carrier, and it has not taken that back
    redeemed   with the carrier or at the door, for an eligible maintainer: neither returned nor lost
"""

from typing import Any

import numpy as np
import pandas as pd

from fulfillment.claims.rules import ClaimState
from inventory.rules import Account

STEPS = ("claimed", "shipped", "delivered", "redeemed")
# A country that no claim tells; ISO 3166 leaves ZZ to its users.
UNKNOWN_COUNTRY = "ZZ"

_PROMISED = (Account.RESERVED, Account.PACKED)
_SENT = (Account.IN_TRANSIT, Account.DELIVERED, Account.LOST, Account.RETURNED)
_WITH_CARRIER_OR_MAINTAINER = (Account.IN_TRANSIT, Account.DELIVERED)


def key_changes(movements: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """What each movement changed about its unit.

    One row: one movement that changed at least one of the steps, in the order of `movements`.

    unit      int64     key of the unit
    sku       category  its key model
    claim     str       the claim it moved for
    campaign  category  the claim's campaign; missing when no claim is known by that code
    person    float64   the claim's maintainer; missing likewise
    country   str       the claim's country, or ZZ
    moved_at  datetime
    claimed, shipped, delivered, redeemed   int8   +1, 0 or -1
    """
    told = movements[["unit", "sku", "reference", "moved_at"]].rename(columns={"reference": "claim"})
    told = told.merge(claims.drop(columns="created_at"), on="claim", how="left")
    told["country"] = told["country"].astype(str).where(told["country"].notna(), UNKNOWN_COUNTRY)
    eligible = told["is_eligible"].eq(True)
    unit = movements["unit"]
    to_account = movements["to_account"]
    # A key that came back goes on to quarantine, and has still been shipped.
    shipped = to_account.isin(_SENT).groupby(unit).cummax()
    standing = {
        "claimed": to_account.isin(_PROMISED) | shipped,
        "shipped": shipped,
        "delivered": to_account == Account.DELIVERED,
        "redeemed": to_account.isin(_WITH_CARRIER_OR_MAINTAINER) & eligible,
    }
    for step, after in standing.items():
        told[step] = _changes(after, unit)
    changed = told[list(STEPS)].any(axis=1)
    return told.loc[changed].drop(columns="is_eligible").reset_index(drop=True)


def _changes(after: pd.Series, unit: pd.Series) -> pd.Series:
    """How a yes-or-no changes from each unit's row to its next; before the first it is no."""
    number = after.astype(np.int8)
    is_same_unit = unit.eq(unit.shift())
    return number - number.shift(fill_value=0).where(is_same_unit, 0).astype(np.int8)


def of_campaign(rows: pd.DataFrame, slug: str | None) -> pd.DataFrame:
    """The rows of one campaign, or all."""
    return rows if slug is None else rows[rows["campaign"] == slug]


def headline(changes: pd.DataFrame, movements: pd.DataFrame) -> dict[str, int]:
    """Keys received so far, how many of them are at each step, and how many can still be claimed."""
    total = int((movements["from_account"] == Account.SUPPLIER).sum())
    taken = int((movements["from_account"] == Account.AVAILABLE).sum())
    put_back = int((movements["to_account"] == Account.AVAILABLE).sum())
    return {"total": total, **_sums(changes), "available": put_back - taken}


def by_week(changes: pd.DataFrame) -> list[dict[str, Any]]:
    """Per ISO week (UTC), from the first change to the last, without gaps.

    Each step has its change within the week, which is negative when more came back than went, and under
    `standing` what it came to by the week's end: the headline of a report as of that moment.
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
            **_whole(weekly.loc[start]),
            "standing": _whole(standing.loc[start]),
        }
        for start in weekly.index
    ]


def by_country(changes: pd.DataFrame, *, suppress_below: int) -> list[dict[str, Any]]:
    """Per country, in the order of their codes; `people` are maintainers whose keys are in `claimed`.

    A row of fewer than `suppress_below` people has None for all its numbers. That hides the row, but not
    from somebody who subtracts the other rows from the headline.
    """
    sums = changes[list(STEPS)].astype(np.int64).groupby(changes["country"]).sum().sort_index()
    people = _people(changes)
    return [
        _country(str(country), int(people.get(country, 0)), _whole(sums.loc[country]), suppress_below)
        for country in sums.index
    ]


def _country(country: str, people: int, keys: dict[str, int], suppress_below: int) -> dict[str, Any]:
    is_suppressed = people < suppress_below
    numbers = {"people": people, **keys}
    return {
        "country": country,
        "is_suppressed": is_suppressed,
        **{name: None if is_suppressed else number for name, number in numbers.items()},
    }


def _people(changes: pd.DataFrame) -> "pd.Series[int]":
    """Maintainers with a claimed key, per country."""
    held = changes.groupby(["country", "person"])["claimed"].sum()
    return held[held > 0].groupby("country").size()


def by_key_model(changes: pd.DataFrame, movements: pd.DataFrame) -> list[dict[str, Any]]:
    """The headline per key model, in the order of their SKUs."""
    return [
        {"sku": sku, **headline(changes[changes["sku"] == sku], movements[movements["sku"] == sku])}
        for sku in sorted(movements["sku"].unique())
    ]


def claims_by_state(claims: pd.DataFrame, events: pd.DataFrame) -> dict[str, Any]:
    """Claims made, by how many people, and in which state their last event left them."""
    last = events[events["claim"].isin(claims["claim"])].drop_duplicates("claim", keep="last")
    counted = last["state_after"].value_counts()
    return {
        "total": len(claims),
        "people": int(claims["person"].nunique()),
        "by_state": {str(state): int(counted.get(str(state), 0)) for state in ClaimState},
    }


def refusals(decisions: pd.DataFrame) -> dict[str, Any]:
    """Attempts that were refused, of how many people, by the rule they were told first; most often first.

    Decisions do not name their campaign, so these are the refusals of all.
    """
    refused = decisions[decisions["outcome"] == "ineligible"]
    counted = refused["headline"].value_counts()
    in_order = sorted(counted.items(), key=lambda rule: (-int(rule[1]), str(rule[0])))
    return {
        "total": len(refused),
        "people": int(refused["person"].nunique()),
        "by_rule": {str(rule): int(count) for rule, count in in_order},
    }


def two_factor(observations: pd.DataFrame, claims: pd.DataFrame, events: pd.DataFrame) -> dict[str, Any]:
    """Roster accounts by the strongest second factor last seen, and how many maintainers enrolled.

    Enrolled: a WebAuthn key was first seen on the account after its claim was delivered.
    """
    last = observations.drop_duplicates("person", keep="last")
    webauthn = int(last["has_webauthn"].sum())
    totp = int((last["has_totp"] & ~last["has_webauthn"]).sum())
    first_key = observations[observations["has_webauthn"]].drop_duplicates("person")
    delivered = events[events["name"] == "delivered"].drop_duplicates("claim")
    both = delivered.merge(claims, on="claim").merge(first_key, on="person")
    enrolled = both.loc[both["observed_at"] > both["at"], "person"].nunique()
    return {
        "accounts": {"none": len(last) - totp - webauthn, "totp": totp, "webauthn": webauthn},
        "enrolled": int(enrolled),
    }


def postage(labels: pd.DataFrame, delivered: int) -> list[dict[str, Any]]:
    """Labels bought and what they cost, per currency; a delivered pair is two delivered keys.

    All labels count, those of parcels that never arrived too: it is what a pair at the door costs.
    Cents per pair are rounded half up; None while nothing is delivered.
    """
    sums = labels.groupby("currency", observed=True)["cost_cents"].agg(["size", "sum"]).sort_index()
    return [
        {
            "currency": str(currency),
            "labels": int(labels_bought),
            "cents": int(cents),
            "cents_per_delivered_pair": _rounded(2 * int(cents), delivered),
        }
        for currency, labels_bought, cents in sums.itertuples()
    ]


def stock(movements: pd.DataFrame) -> dict[str, Any]:
    """Where every unit ever received stands, counted in two ways that must agree.

    By the ledger: what came into an account minus what left it. By the units: where the last movement
    of each put it. `adds_up` when both agree for every account and key model and their sum is the number
    received.
    """
    by_ledger = _count(movements, "to_account") - _count(movements, "from_account")
    by_units = _count(movements.drop_duplicates("unit", keep="last"), "to_account")
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
    counted = pd.crosstab(movements["sku"].astype(str), movements[side].astype(str))
    skus = sorted(movements["sku"].astype(str).unique())
    return counted.reindex(index=skus, columns=[str(account) for account in Account], fill_value=0).astype(
        np.int64
    )


def _sums(changes: pd.DataFrame) -> dict[str, int]:
    return {step: int(changes[step].sum()) for step in STEPS}


def _whole(row: "pd.Series[Any]") -> dict[str, int]:
    return {str(name): int(value) for name, value in row.items()}


def _rounded(numerator: int, denominator: int) -> int | None:
    """Half up, in whole numbers."""
    return (2 * numerator + denominator) // (2 * denominator) if denominator else None
