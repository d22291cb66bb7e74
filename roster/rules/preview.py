"""Preview of a policy: who becomes eligible and who no longer is."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from roster.rules.decision import BatchDecider, overall_outcome
from roster.rules.facts import Facts
from roster.rules.policy import PolicyDocument
from roster.rules.policy_diff import policy_differences

NOT_KNOWN = "not known"
Found = list[tuple[str, str]]


@dataclass
class RuleCounts:
    """Counts of one rule before and after: failures, reviews, and people gained or lost by it."""

    fails_before: int = 0
    fails_after: int = 0
    reviews_before: int = 0
    reviews_after: int = 0
    gained: int = 0
    lost: int = 0


@dataclass
class Preview:
    """Effects of a change of policy on the people compared so far.

    Eligible and reviewed people count as admitted; `gained` are admitted only after the change, `lost` only
    before it.
    """

    current: str
    proposed: str
    difference: list[str]
    gained: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    by_rule: dict[str, RuleCounts] = field(default_factory=dict)
    by_region: dict[str, Counter[str]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "people": len(self.gained) + len(self.lost) + len(self.unchanged),
            "gained": len(self.gained),
            "lost": len(self.lost),
            "unchanged": len(self.unchanged),
        }

    def as_document(self) -> dict[str, object]:
        return {
            "current": self.current,
            "proposed": self.proposed,
            "difference": self.difference,
            "counts": self.counts,
            "gained": self.gained,
            "lost": self.lost,
            "unchanged": self.unchanged,
            "by_rule": {rule: vars(found) for rule, found in self.by_rule.items()},
            "by_region": {
                region: {name: counted[name] for name in ("gained", "lost", "unchanged")}
                for region, counted in sorted(self.by_region.items())
            },
            "outcomes": dict(sorted(self.outcomes.items())),
        }


def preview_policies(
    everybody: Iterable[Facts], *, current: PolicyDocument, proposed: PolicyDocument, now: datetime
) -> Preview:
    """Decide for every account under both policies and compare; keeps names and counts, never all facts.

    The destination is asked for at the time of the claim. The rule `region` applies to people whose country
    is known; for the others it is ignored under both policies.
    """
    found = Preview(current.version, proposed.version, policy_differences(current, proposed))
    for rule in (*current.rules, *proposed.rules):
        found.by_rule.setdefault(rule.rule, RuleCounts())
    before, after = BatchDecider(current, now), BatchDecider(proposed, now)
    for facts in everybody:
        _add(
            found,
            facts,
            _of_interest(before.outcomes(facts), facts),
            _of_interest(after.outcomes(facts), facts),
        )
    return found


def _of_interest(outcomes: Found, facts: Facts) -> Found:
    if facts.country is not None or not outcomes:
        return outcomes
    return [one for one in outcomes if one[0] != "region"]


def _add(found: Preview, facts: Facts, before: Found, after: Found) -> None:
    was, becomes = (overall_outcome(outcome for _, outcome in side) for side in (before, after))
    change = "unchanged"
    if (was == "ineligible") != (becomes == "ineligible"):
        change = "gained" if was == "ineligible" else "lost"
    getattr(found, change).append(facts.username)
    found.outcomes[f"{was} to {becomes}" if was != becomes else f"{was} as before"] += 1
    found.by_region.setdefault(facts.country or NOT_KNOWN, Counter())[change] += 1
    for rule, outcome in before:
        counted = found.by_rule[rule]
        if outcome == "fail":
            counted.fails_before += 1
            counted.gained += change == "gained"
        else:
            counted.reviews_before += 1
    for rule, outcome in after:
        counted = found.by_rule[rule]
        if outcome == "fail":
            counted.fails_after += 1
            counted.lost += change == "lost"
        else:
            counted.reviews_after += 1
