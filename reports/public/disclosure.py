"""Disclosure control: the one gate that every published number passes.

Everything published is counted in people. Five rules (docs/decisions/0090):

1. Published numbers are of a *release*: the start of a week (UTC) for every cut, the start of a day for the
   headline. Later changes are in the next release.
2. A count is of *steps people took for the first time*, which only grows, and is published in whole batches
   of k people, in the order in which they took the step. Fewer than k is "too few to show".
3. Sums (keys, cents) are of the people in those batches, as each stood on the day of their step.
4. The total of a cut's groups is withheld as long as it would reveal that somebody is in a group that is
   not shown (complementary suppression).
5. Parts of a total that is public elsewhere (accounts and critical projects are) are published as nested
   counts, each including all stronger ones, never as separate parts.

So no difference between published numbers (groups, totals, steps, dates, exports) reveals a set of people
that is known to be non-empty and smaller than k. `tests/reports/test_attack.py` tries.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import pandas as pd

from reports.as_of import week_of_release
from reports.documents import Dimension, PersonStep, PublishedCounts, ReleaseRow

STEPS: tuple[PersonStep, ...] = ("claimed", "shipped", "delivered", "back", "enrolled")
# The step that precedes each step.
BEFORE = {
    "claimed": "",
    "shipped": "claimed",
    "delivered": "shipped",
    "back": "shipped",
    "enrolled": "delivered",
}
DIMENSIONS: tuple[Dimension, ...] = ("country", "key_models", "policy", "wave")


def batches(count: int, k: int) -> int:
    """The count rounded down to whole batches of k."""
    return count - count % k


def published_count(count: int, k: int) -> int | None:
    """A count as published; None for too few to show, which includes 0."""
    return batches(count, k) or None


@dataclass(frozen=True)
class Cell:
    """Published numbers of one group at one step: people in whole batches, and sums for them."""

    people: int
    sums: dict[str, int]


@dataclass(frozen=True)
class Gate:
    """The people of one campaign, from which any release can be published.

    people: one row a person, with `person`, the columns of DIMENSIONS, and for each step `<step>_at`
            (missing: not taken) and `<step>_keys`; `shipped_cents` for what their first parcel cost.
    k:      the smallest group that may be published.
    hold:   applies rule 4; a test turns it off to prove that it is needed.
    """

    people: pd.DataFrame
    k: int
    hold: bool = True
    _memory: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def cells(self, dimension: str, step: str, moment: datetime) -> dict[str, Cell]:
        """Published numbers of each group of a cut at one step; groups with nobody are left out.

        Batches are published in the order they filled, no more than the headline has: otherwise the sum
        of this cut would reveal what other cuts withhold from the total. No group shows more people at a
        step than at the one before.
        """
        people = self._people(dimension, step, moment)
        taken = self._taken(step, moment)
        groups = {str(value): rows for value, rows in taken.groupby(dimension, observed=True) if str(value)}
        return {value: self._cell(rows.iloc[: people[value]], step) for value, rows in groups.items()}

    def _people(self, dimension: str, step: str, moment: datetime) -> "Counter[str]":
        """Number of people published for each group."""
        return cast(
            "Counter[str]",
            self._once(
                ("people", dimension, step, str(moment)), lambda: self._count(dimension, step, moment)
            ),
        )

    def _count(self, dimension: str, step: str, moment: datetime) -> "Counter[str]":
        taken = self._taken(step, moment)
        place = taken.groupby(dimension, observed=True).cumcount()
        filling = taken.loc[(place + 1) % self.k == 0, dimension].astype(str)
        if self.hold:
            filling = filling.iloc[: self._bearable_total(step, moment) // self.k]
        people = Counter({str(value): self.k * int(count) for value, count in filling.value_counts().items()})
        if self.hold and BEFORE[step]:
            people &= self._people(dimension, BEFORE[step], moment)
        return people

    def total(self, step: str, moment: datetime) -> Cell:
        """The headline: all people at a step, up to the largest total that every cut allows."""
        taken = self._taken(step, moment)
        people = self._bearable_total(step, moment) if self.hold else batches(len(taken), self.k)
        return self._cell(taken.iloc[:people], step)

    def _bearable_total(self, step: str, moment: datetime) -> int:
        taken = self._taken(step, moment)
        cuts = (self._bearable(taken[dimension]) for dimension in DIMENSIONS)
        return cast(
            int, self._once(("total", step, str(moment)), lambda: min(batches(len(taken), self.k), *cuts))
        )

    def _bearable(self, groups: "pd.Series[Any]") -> int:
        """The largest total that does not reveal that somebody is in a group which is not shown.

        With m groups, each with at most k - 1 people outside a batch, the other groups can account for
        (m - 1)(k - 1); any rest above that must be, in part, in the last one.
        """
        counts = groups.value_counts().to_numpy()
        counts = counts[counts > 0]
        rest = max(len(counts) - 1, 0) * (self.k - 1)
        return int((counts - counts % self.k).sum()) + batches(rest, self.k)

    def _taken(self, step: str, moment: datetime) -> pd.DataFrame:
        """People who took a step by then, in order."""
        in_order = self._once(
            (step,),
            lambda: self.people.dropna(subset=[f"{step}_at"]).sort_values([f"{step}_at", "person"]),
        )
        many = in_order[f"{step}_at"].searchsorted(pd.Timestamp(moment), side="right")
        return cast(pd.DataFrame, in_order.iloc[: int(many)])

    def _once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Memoize: releases and cuts share most of the work."""
        if key not in self._memory:
            self._memory[key] = make()
        return self._memory[key]

    def _cell(self, published: pd.DataFrame, step: str) -> Cell:
        columns = [column for column in (f"{step}_keys", f"{step}_cents") if column in published]
        return Cell(
            len(published),
            {column.removeprefix(f"{step}_"): int(published[column].sum()) for column in columns},
        )


def weeks(first: datetime, last: datetime) -> list[datetime]:
    """The weekly releases between two moments, both included."""
    start, end = week_of_release(first), week_of_release(last)
    return [start + timedelta(weeks=number) for number in range((end - start).days // 7 + 1)]


def people_steps(
    claims: pd.DataFrame, movements: pd.DataFrame, labels: pd.DataFrame, observations: pd.DataFrame
) -> pd.DataFrame:
    """When each person with keys first reached each step, by the ledger; input of a `Gate`.

    Several claims of one person in a campaign (a replacement, say) are one row, with the attributes of the
    first that held keys and the first time of each step. Keys and cents are those of the (UTC) day of the
    step: later events, such as a second parcel, must not change what was published.

    One row: one person whose claim was decided eligible and held keys.
    """
    ours = claims[claims["is_eligible"]]
    moves = movements[movements["claim"].isin(ours["claim"])]
    moves = moves.merge(ours[["claim", "person"]], on="claim").sort_values(["moved_at", "unit"])
    held = moves[moves["to_account"] == "reserved"]
    first = held.drop_duplicates("person")[["person", "claim"]]
    table = first.merge(ours, on=["person", "claim"]).sort_values("person").reset_index(drop=True)
    for step, accounts in (
        ("claimed", ["reserved"]),
        ("shipped", ["in_transit"]),
        ("delivered", ["delivered"]),
        ("back", ["lost", "returned"]),
    ):
        _add_step(table, step, moves[moves["to_account"].isin(accounts)])
    table["key_models"] = table["person"].map(_key_models(held, table))
    table["shipped_cents"] = _cents(table, labels)
    keys = observations[observations["has_webauthn"]].drop_duplicates("person").set_index("person")
    seen = keys["observed_at"].reindex(table["person"]).set_axis(table.index)
    table["enrolled_at"] = seen.where(seen > table["delivered_at"])
    return table


def _add_step(table: pd.DataFrame, step: str, moves: pd.DataFrame) -> None:
    first_at = moves.drop_duplicates("person").set_index("person")["moved_at"]
    table[f"{step}_at"] = first_at.reindex(table["person"]).set_axis(table.index)
    day = first_at.dt.floor("D").reindex(moves["person"]).set_axis(moves.index)
    same_day = moves[moves["moved_at"].dt.floor("D") == day]
    count = same_day.groupby("person")["unit"].nunique()
    table[f"{step}_keys"] = count.reindex(table["person"], fill_value=0).to_numpy()


def _key_models(held: pd.DataFrame, table: pd.DataFrame) -> dict[int, str]:
    """The key models first reserved for each person; each combination is a group of its own."""
    first = held[held["claim"].isin(table["claim"])].drop_duplicates("unit")
    day = first.groupby("claim")["moved_at"].transform("min").dt.floor("D")
    first = first[first["moved_at"].dt.floor("D") == day]
    named: dict[int, str] = {}
    pairs = first[["person", "sku"]].astype({"sku": str}).drop_duplicates().sort_values(["person", "sku"])
    for person, sku in pairs.itertuples(index=False):
        named[person] = f"{named[person]} + {sku}" if person in named else sku
    return named


def _cents(table: pd.DataFrame, labels: pd.DataFrame) -> "np.ndarray[Any, Any]":
    """Cost of the labels bought by the day each person's first parcel left, in one currency."""
    mine = labels.merge(table[["claim", "shipped_at"]], on="claim")
    mine = mine[mine["at"].dt.floor("D") <= mine["shipped_at"].dt.floor("D")]
    cents = mine.groupby("claim")["cost_cents"].sum()
    values: np.ndarray[Any, Any] = cents.reindex(table["claim"], fill_value=0).to_numpy()
    return values


def publish_counts(counts: Iterable[tuple[str, int]], k: int) -> dict[str, int | None]:
    """Publish counts that are nested, or not parts of a published total, in whole batches."""
    return {name: published_count(count, k) for name, count in counts}


def publish_cut(gate: Gate, dimension: str, moment: datetime) -> list[tuple[str, PublishedCounts]]:
    """Publish a cut: each group, then the remainder of the total.

    A group too small to show has no row, because a row would reveal that it is not empty.

    Returns: each group (`other` for the remainder) with its people and keys at each step; None for too few.
    """
    by_step = {step: gate.cells(dimension, step, moment) for step in STEPS}
    totals = {step: gate.total(step, moment).people for step in STEPS}
    rows = [
        (value, _counts({step: by_step[step].get(value) for step in STEPS}))
        for value, cell in sorted(by_step["claimed"].items())
        if cell.people
    ]
    rest = {
        step: Cell(totals[step] - sum(cell.people for cell in by_step[step].values()), {}) for step in STEPS
    }
    if any(cell.people > 0 for cell in rest.values()):
        rows.append(("other", _counts(dict(rest))))
    return rows


def _counts(cells: Mapping[PersonStep, Cell | None]) -> PublishedCounts:
    people = {step: (cell.people if cell else 0) for step, cell in cells.items()}
    shown = {step: count if count > 0 else None for step, count in people.items()}
    return {
        "claimed": shown["claimed"],
        "shipped": shown["shipped"],
        "delivered": shown["delivered"],
        "back": shown["back"],
        "enrolled": shown["enrolled"],
        "redeemed": people["shipped"] - people["back"] if people["shipped"] > 0 else None,
        "keys_claimed": _keys(cells["claimed"]),
        "keys_redeemed": _redeemed(cells["shipped"], cells["back"]),
    }


def _keys(cell: Cell | None) -> int | None:
    return cell.sums["keys"] if cell and cell.people and "keys" in cell.sums else None


def _redeemed(shipped: Cell | None, back: Cell | None) -> int | None:
    """Keys shipped to the people shown, less keys of the people shown that were returned or lost."""
    sent = _keys(shipped)
    return None if sent is None else sent - (_keys(back) or 0)


def publish_headline(gate: Gate, moment: datetime) -> PublishedCounts:
    """Publish people and keys at each step."""
    return _counts({step: gate.total(step, moment) for step in STEPS})


def publish_weeks(gate: Gate, releases: Sequence[datetime]) -> list[ReleaseRow]:
    """The headline at each weekly release."""
    return [{"release": moment.date().isoformat(), **publish_headline(gate, moment)} for moment in releases]
