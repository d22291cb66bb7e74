"""The same attacker on what has no order of people: two-factor states, projects, refusals.

They know from elsewhere how many accounts and critical projects there are, and which published numbers contain
each other. They write down every truth that would have been published just so, at two dates, and look for a
set (a number, what one has more than another, what the whole has more, what changed) that is in all of these
truths somebody and in all of them fewer than k.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Literal

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.documents import BEFORE_AND_NOW, PROTECTIONS, ProjectCounts
from reports.metrics import roster
from reports.public.disclosure import publish_counts
from reports.public.published_report import protected_accounts, protected_projects

K = 3
Truth = Mapping[str, int]


def singled_out(
    dates: Sequence[Mapping[str, int | None]],
    contains: list[tuple[str, str]],
    wholes: Sequence[int | None],
) -> list[str]:
    """Sets that are somebody, and fewer than k, in every truth there may be.

    Args: dates: what was published at each. contains: names, the larger and the smaller. wholes: at each date
          the known sum of all numbers, or where they contain each other the most there can be; None: unknown.
    """
    possible = [
        [dict(_sets(truth, contains, whole)) for truth in _truths(shown, contains, whole)]
        for shown, whole in zip(dates, wholes, strict=True)
    ]
    bounds = {
        f"{name} at {date}": _bounds(name, ours) for date, ours in enumerate(possible) for name in ours[0]
    }
    for (first, before), (second, after) in combinations(enumerate(possible), 2):
        for name in before[0]:
            (least, most), (now_least, now_most) = _bounds(name, before), _bounds(name, after)
            bounds[f"{name} more, {first} to {second}"] = now_least - most, now_most - least
            bounds[f"{name} fewer, {first} to {second}"] = least - now_most, most - now_least
    return [f"{what}: {low} to {high}" for what, (low, high) in bounds.items() if low >= 1 and high < K]


def _bounds(name: str, possible: list[dict[str, int]]) -> tuple[int, int]:
    sizes = [sets[name] for sets in possible]
    return min(sizes), max(sizes)


def _truths(
    shown: Mapping[str, int | None], contains: list[tuple[str, str]], whole: int | None
) -> Iterator[Truth]:
    names = list(shown)
    for rests in product(range(K), repeat=len(names)):
        truth = {name: (shown[name] or 0) + rest for name, rest in zip(names, rests, strict=True)}
        if any(truth[larger] < truth[smaller] for larger, smaller in contains):
            continue
        outermost = [name for name in names if all(name != smaller for _, smaller in contains)]
        if whole is None or (
            sum(truth[name] for name in outermost) == whole
            if not contains
            else all(truth[name] <= whole for name in outermost)
        ):
            yield truth


def _sets(truth: Truth, contains: list[tuple[str, str]], whole: int | None) -> Iterator[tuple[str, int]]:
    yield from truth.items()
    for larger, smaller in contains:
        yield f"{larger} without {smaller}", truth[larger] - truth[smaller]
    if whole is not None and contains:
        yield from ((f"all without {name}", whole - number) for name, number in truth.items())
    for first, second in combinations(truth, 2):
        yield f"{first} with {second}", truth[first] + truth[second]


def some_states(draw: random.Random, people: int) -> pd.DataFrame:
    weights = [draw.choice([1, 4, 12]) for _ in roster.STATES]
    before = draw.choices(roster.STATES, weights=weights, k=people)
    now = [state if draw.random() < 0.7 else draw.choice(roster.STATES) for state in before]
    return pd.DataFrame({"person": range(people), "before": before, "now": now})


def some_projects(draw: random.Random, states: pd.DataFrame, count: int) -> ProjectCounts:
    roles = [
        {"project": project, "person": person}
        for project in range(count)
        for person in draw.sample(range(len(states)), k=draw.choice([1, 1, 2, min(4, len(states))]))
    ]
    return roster.projects(pd.DataFrame({"project": range(count)}), pd.DataFrame(roles), states)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**9), people=st.integers(4, 40))
def test_states_of_accounts_single_nobody_out(seed: int, people: int) -> None:
    draw = random.Random(seed)
    whole = [people, people + draw.randrange(4)]
    shown = [protected_accounts(some_states(draw, number), K) for number in whole]
    assert singled_out(shown, [("any", "webauthn")], list(whole)) == []


SHARES: tuple[Literal["any", "all"], ...] = ("any", "all")
NESTED = [
    ("two_factor any", "two_factor all"),
    ("two_factor any", "webauthn any"),
    ("two_factor all", "webauthn all"),
    ("webauthn any", "webauthn all"),
]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**9), people=st.integers(4, 12), count=st.integers(2, 25))
def test_projects_by_protection_single_none_out(seed: int, people: int, count: int) -> None:
    draw = random.Random(seed)
    dates = []
    for _ in range(2):
        document = protected_projects(some_projects(draw, some_states(draw, people), count), K)
        assert document["critical"] == count
        for when in BEFORE_AND_NOW:
            dates.append(
                {f"{what} {share}": document[when][what][share] for what in PROTECTIONS for share in SHARES}
            )
    assert singled_out(dates, NESTED, [count] * 4) == []


def test_parts_of_a_whole_that_is_known_would_give_them_away() -> None:
    """The three states themselves, each in whole batches: what rule 5 is for."""
    found = []
    for seed in range(60):
        draw = random.Random(seed)
        states = some_states(draw, people := draw.randrange(6, 20))
        shown = publish_counts(roster.state_counts(states).items(), K)
        found += singled_out([shown], [], [people])
    assert found


@settings(max_examples=25, deadline=None, derandomize=True)
@given(counts=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), min_size=1, max_size=4))
def test_refusals_single_nobody_out(counts: list[tuple[int, int]]) -> None:
    """People refused by the rule they were told first: nobody knows how many there are in all."""
    rules = [f"rule-{number}" for number in range(len(counts))]
    dates = [
        publish_counts(zip(rules, [first for first, _ in counts], strict=True), K),
        publish_counts(zip(rules, [first + more for first, more in counts], strict=True), K),
    ]
    assert singled_out(dates, [], [None, None]) == []
