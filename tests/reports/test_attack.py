"""Somebody who asks for everything that is published, and subtracts.

The attacker knows the rules of `reports.public.disclosure` to the letter, every group there may be, and every number
of every release. They bound each unknown count of people from below and above, put bounds together (groups
add up to the total, steps follow each other, counts only grow), until nothing gets tighter. A set of people
is singled out when they can prove that it is not empty and has fewer than k.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.as_of import week_of_release
from reports.public import disclosure
from reports.public.disclosure import BEFORE, DIMENSIONS, STEPS, Gate

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEKS = [START + timedelta(weeks=number) for number in range(4)]
# The headline comes out each day; of days between two weeks it is all there is.
MOMENTS = sorted([*WEEKS, *(START + timedelta(days=days) for days in (4, 11))])
VALUES = {
    "country": ["DE", "FR", "US"],
    "key_models": ["A", "C"],
    "policy": ["1", "2"],
    "wave": ["early", "late"],
}


def _cell(dimension: str, value: str, step: str, release: int) -> tuple[object, ...]:
    return dimension, value, step, release


def some_people(seed: int, *, count: int) -> pd.DataFrame:
    """People whose groups are of very different sizes, so that some are too small to show."""
    draw = random.Random(seed)
    weights = {dimension: [draw.choice([1, 3, 30, 90]) for _ in VALUES[dimension]] for dimension in VALUES}
    people = pd.DataFrame([_one_person(draw, person, weights) for person in range(count)])
    for step in STEPS:
        people[f"{step}_at"] = pd.to_datetime(people[f"{step}_at"], utc=True)
    return people


def _one_person(draw: random.Random, person: int, weights: dict[str, list[int]]) -> dict[str, object]:
    row: dict[str, object] = {"person": person}
    for dimension, values in VALUES.items():
        row[dimension] = draw.choices(values, weights=weights[dimension])[0]
    times: dict[str, datetime | None] = {"": START + timedelta(hours=draw.uniform(0, 24 * 20))}
    for step in STEPS:
        before = times[BEFORE[step]]
        happens = before is not None and (step == "claimed" or draw.random() < 0.85)
        times[step] = before + timedelta(hours=draw.uniform(0, 200)) if before and happens else None
        row[f"{step}_at"] = times[step]
        row[f"{step}_keys"] = 2 if happens else 0
    return row


class Attacker:
    """Lower and upper bounds of every count, from what was published of it."""

    def __init__(self, gate: Gate, *, exact_totals: bool = False) -> None:
        self.k = gate.k
        self.low: dict[tuple[object, ...], int] = {}
        self.high: dict[tuple[object, ...], int] = {}
        for release, moment in enumerate(MOMENTS):
            for step in STEPS:
                for key in self._keys(step, release):
                    self._note(key, 0, 10**6)
                truth = int((gate.people[f"{step}_at"] <= pd.Timestamp(moment)).sum())
                total = gate.total(step, moment).people
                self._note((step, release), total, total + gate.k - 1 if truth - total < gate.k else 10**6)
                if exact_totals:
                    self._note((step, release), truth, truth)
                for dimension, values in VALUES.items() if moment in WEEKS else ():
                    self._note_cut(gate, dimension, values, step, release)
        self._tighten()

    def _note_cut(self, gate: Gate, dimension: str, values: list[str], step: str, release: int) -> None:
        cells = gate.cells(dimension, step, MOMENTS[release])
        published = {value: cells[value].people if value in cells else 0 for value in values}
        total = gate.total(step, MOMENTS[release]).people
        before = BEFORE[step]
        # A cut that adds up to the whole headline may hold something back, and so may those that follow it.
        holds = sum(published.values()) >= total or (
            before != ""
            and any(key[:3] == ("holds", dimension, before) and key[3] == release for key in self.low)
        )
        if holds and gate.hold:
            self.low[("holds", dimension, step, release)] = 1
        for value, people in published.items():
            most = 10**6 if holds and gate.hold else people + self.k - 1
            self._note((dimension, value, step, release), people, most)

    def _note(self, key: tuple[object, ...], low: int, high: int) -> None:
        self.low[key] = max(self.low.get(key, 0), low)
        self.high[key] = min(self.high.get(key, 10**6), high)

    def _tighten(self) -> None:
        for _ in range(200):
            before = (dict(self.low), dict(self.high))
            for step in STEPS:
                for release in range(len(MOMENTS)):
                    for dimension, values in VALUES.items():
                        self._add_up((step, release), [(dimension, value, step, release) for value in values])
                    for key in self._keys(step, release):
                        if release:
                            self._at_least(key, (*key[:-1], release - 1))
                        if BEFORE[step]:
                            self._at_least((*key[:-2], BEFORE[step], release), key)
            if before == (self.low, self.high):
                return

    def _keys(self, step: str, release: int) -> Iterator[tuple[object, ...]]:
        yield (step, release)
        for dimension, values in VALUES.items():
            for value in values:
                yield (dimension, value, step, release)

    def _add_up(self, total: tuple[object, ...], parts: list[tuple[object, ...]]) -> None:
        lows, highs = [self.low[part] for part in parts], [self.high[part] for part in parts]
        self._note(total, sum(lows), sum(highs))
        for number, part in enumerate(parts):
            rest_low, rest_high = sum(lows) - lows[number], sum(highs) - highs[number]
            self._note(part, self.low[total] - rest_high, self.high[total] - rest_low)

    def _at_least(self, larger: tuple[object, ...], smaller: tuple[object, ...]) -> None:
        self._note(larger, self.low[smaller], 10**6)
        self._note(smaller, 0, self.high[larger])

    def singled_out(self) -> list[str]:
        """Every set with at least one person and fewer than k: groups, and what is between two steps, two
        dates, or both."""
        found = []
        for name, group in self._groups():
            sets: dict[str, tuple[int, int]] = {}
            for step in STEPS:
                for release in range(len(MOMENTS)):
                    key = group(step, release)
                    sets[f"{name} {step} {release}"] = (self.low[key], self.high[key])
                for first, second in combinations(range(len(MOMENTS)), 2):
                    sets[f"{name} {step} {first}-{second}"] = self._between(group, step, first, step, second)
                if BEFORE[step]:
                    for release in range(len(MOMENTS)):
                        sets[f"{name} {BEFORE[step]}, not {step} {release}"] = self._between(
                            group, step, release, BEFORE[step], release
                        )
            found += [
                f"{what}: {low} to {high}" for what, (low, high) in sets.items() if low >= 1 and high < self.k
            ]
        return found

    def _groups(self) -> "Iterator[tuple[str, Callable[[str, int], tuple[object, ...]]]]":
        yield "everybody", lambda step, release: (step, release)
        for dimension, values in VALUES.items():
            for value in values:
                yield f"{dimension}={value}", partial(_cell, dimension, value)

    def _between(self, group, step, release, later_step, later_release) -> tuple[int, int]:  # type: ignore[no-untyped-def]
        """Bounds of those in the second set and not in the first, which it contains; also by way of the
        total: what the whole gained and the other groups cannot have."""
        inner, outer = group(step, release), group(later_step, later_release)
        low = self.low[outer] - self.high[inner]
        high = self.high[outer] - self.low[inner]
        if len(inner) == 4:
            dimension, value = inner[0], inner[1]
            others = [other for other in VALUES[dimension] if other != value]
            gain_low = self.low[later_step, later_release] - self.high[step, release]
            gain_high = self.high[later_step, later_release] - self.low[step, release]
            for other in others:
                other_low = max(
                    0,
                    self.low[dimension, other, later_step, later_release]
                    - self.high[dimension, other, step, release],
                )
                other_high = (
                    self.high[dimension, other, later_step, later_release]
                    - self.low[dimension, other, step, release]
                )
                gain_low, gain_high = gain_low - other_high, gain_high - other_low
            low, high = max(low, gain_low), min(high, gain_high)
        return max(low, 0), high


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 90), k=st.integers(2, 6))
def test_nobody_is_singled_out(seed: int, count: int, k: int) -> None:
    assert Attacker(Gate(some_people(seed, count=count), k)).singled_out() == []


def one_group_too_small(k: int) -> pd.DataFrame:
    """A hundred and three people, four of them in France: the rest of the batches would give them away."""
    people = some_people(1, count=103)
    for dimension, values in VALUES.items():
        people[dimension] = values[0]
    people.loc[people.index[-(k - 1) :], "country"] = "FR"
    people.loc[people.index[:99], "country"] = "DE"
    return people


def test_without_complementary_suppression_the_attack_succeeds() -> None:
    """The total less the largest the other group can be is what is in the small one."""
    people = one_group_too_small(5)
    VALUES["country"] = ["DE", "FR"]
    try:
        for step in STEPS:
            people[f"{step}_at"] = pd.Timestamp(START)
        people.loc[people.index[94:99], "country"] = "DE"
        assert Attacker(Gate(people, 5)).singled_out() == []
        found = Attacker(Gate(people, 5, hold=False)).singled_out()
        assert any(what.startswith("country=FR claimed") for what in found)
    finally:
        VALUES["country"] = ["DE", "FR", "US"]


def test_beside_an_exact_headline_the_attack_succeeds() -> None:
    """So the headline must pass the gate as well: exact totals pin down what batches leave open."""
    found = [
        what
        for seed in range(6)
        for what in Attacker(Gate(some_people(seed, count=40), 5), exact_totals=True).singled_out()
    ]
    assert found


def test_exact_cells_single_people_out() -> None:
    """The attack finds what is there to be found: with batches of one nothing is hidden."""
    gate = Gate(some_people(3, count=60), 1)
    attacker = Attacker(gate)
    attacker.k = 5
    assert attacker.singled_out()


def test_between_two_releases_nothing_new_is_published() -> None:
    gate = Gate(some_people(5, count=80), 5)
    for days in (0.1, 2, 6.9):
        moment = WEEKS[2] + timedelta(days=days)
        assert week_of_release(moment) == WEEKS[2]
        for dimension in DIMENSIONS:
            assert disclosure.publish_cut(gate, dimension, week_of_release(moment)) == disclosure.publish_cut(
                gate, dimension, WEEKS[2]
            )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_published_only_grows_by_whole_batches(seed: int) -> None:
    """Any two releases differ by batches of k or not at all, in every group at every step."""
    gate = Gate(some_people(seed, count=90), 5)
    for dimension in DIMENSIONS:
        for step in STEPS:
            before: dict[str, int] = {}
            for moment in WEEKS:
                now = {value: cell.people for value, cell in gate.cells(dimension, step, moment).items()}
                for value, people in now.items():
                    assert people % 5 == 0
                    assert people >= before.get(value, 0)
                assert sum(now.values()) <= gate.total(step, moment).people
                before = now
