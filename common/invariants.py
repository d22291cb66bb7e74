"""What must always hold, as functions that look for where it does not.

Each app lists its checks in `invariants.py`; `verify`, the rehearsal, the nightly job and the tests
run the same ones. DESIGN.md § 3 numbers the invariants.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps


@dataclass(frozen=True)
class Violation:
    """One thing that does not hold: which invariant, what is wrong, and the ids to look at."""

    invariant: str
    message: str
    ids: Sequence[str]


@dataclass(frozen=True)
class Check:
    """One look at one invariant.

    `run` returns how many things it looked at and the violations among them.
    """

    invariant: str
    what: str
    run: Callable[[], tuple[int, Iterable[Violation]]]


@dataclass(frozen=True)
class VerifyResult:
    """What all checks found: things looked at per invariant, and every violation."""

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
    """Run the checks (all of them by default) and add up what they found."""
    checked: dict[str, int] = {}
    violations: list[Violation] = []
    for check in checks if checks is not None else all_checks():
        looked_at, found = check.run()
        checked[check.invariant] = checked.get(check.invariant, 0) + looked_at
        violations.extend(found)
    return VerifyResult(checked, violations)
