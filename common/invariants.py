"""Invariants: the sentence of each, and the checks that look for violations.

Each app lists its checks in `invariants.py`; `verify`, the rehearsal, the nightly job and the tests
run the same ones. docs/invariants.md explains each and says what to do when it is broken.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps

# I11 has no check here: there is no second figure in the database to compare a report with.
INVARIANTS: Mapping[str, str] = {
    "I1": "Every unit is in exactly one stock account, and the ledger adds up to the units in each account.",
    "I2": "A unit is held for one claim at most, and a claim that holds units holds the number it asked for.",
    "I3": "A maintainer has at most one live claim in each campaign, not counting replacements.",
    "I4": "Every accepted claim has an earlier decision that admits it, under a published policy.",
    "I5": "A parcel has at most one live label in each direction, whatever crashed and whenever.",
    "I6": (
        "Every payment belongs to a claim, money that was not earned goes back once, and the amounts "
        "agree with Stripe's."
    ),
    "I7": "Records of what happened are only added to: they are never changed and never deleted.",
    "I8": "A unit that left the building, went missing or was quarantined is never in stock again.",
    "I9": "No address is readable outside the vault, and none is readable after its shred date.",
    "I10": "Nothing is silent: whatever is under way moves within its time, or has an open case.",
    "I11": "Every published number can be computed again from appended records as of its date.",
    "I12": "Every stored webhook takes effect exactly once, in any order and however often it arrives.",
}


@dataclass(frozen=True)
class Violation:
    """A broken invariant: its number, the problem, and the IDs concerned."""

    invariant: str
    message: str
    ids: Sequence[str]


@dataclass(frozen=True)
class Check:
    """One check of one invariant.

    `run` returns the number of records checked and the violations among them.
    """

    invariant: str
    what: str
    run: Callable[[], tuple[int, Iterable[Violation]]]


@dataclass(frozen=True)
class VerifyResult:
    """Results of all checks: records checked per invariant, and every violation."""

    checked: dict[str, int]
    violations: list[Violation]

    @property
    def ok(self) -> bool:
        return not self.violations


def all_checks() -> list[Check]:
    """The checks of every installed app, by invariant."""
    found: list[Check] = []
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.invariants") and app.name != "config":
            found.extend(import_module(f"{app.name}.invariants").CHECKS)
    return sorted(found, key=lambda check: (int(check.invariant.removeprefix("I")), check.what))


def verify_all(checks: Iterable[Check] | None = None) -> VerifyResult:
    """Run the checks (all of them by default) and add up their results."""
    checked: dict[str, int] = {}
    violations: list[Violation] = []
    for check in checks if checks is not None else all_checks():
        looked_at, found = check.run()
        checked[check.invariant] = checked.get(check.invariant, 0) + looked_at
        violations.extend(found)
    return VerifyResult(checked, violations)
