"""Decisions: the verdict of every rule on one account, and the overall outcome."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, TypedDict

from roster.rules.checks import NEVER_LIFTED, RULES
from roster.rules.facts import ExceptionFact, Facts, in_json
from roster.rules.messages import LIFTED, Phrase, RuleMessage
from roster.rules.policy import PolicyDocument, PolicyRule


class VerdictJson(TypedDict):
    """A verdict as JSON."""

    rule: str
    outcome: str
    reason: str
    evidence: dict[str, Any]
    remedy: str


class DecisionJson(TypedDict):
    """A decision as JSON, its verdicts in the policy's order."""

    outcome: str
    policy: str
    headline: str | None
    verdicts: list[VerdictJson]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer: `pass`, `fail` or `review`, why, on what facts, and what would change it.

    `reason` and `remedy` are English; `roster.localization` translates them.
    """

    rule: str
    outcome: str
    reason: str
    evidence: dict[str, Any]
    remedy: str
    # The untranslated sentences with their values, for pages in other languages.
    message: RuleMessage | None = field(default=None, compare=False, repr=False)

    def as_document(self) -> VerdictJson:
        return {
            "rule": self.rule,
            "outcome": self.outcome,
            "reason": self.reason,
            "evidence": self.evidence,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """All verdicts in the policy's order, and the outcome: `eligible`, `ineligible` or `review`."""

    policy: str
    verdicts: tuple[Verdict, ...]

    @property
    def outcome(self) -> str:
        return overall_outcome(verdict.outcome for verdict in self.verdicts)

    @property
    def headline(self) -> str | None:
        """The rule to show first: the first that refuses, else the first that requires a review."""
        for outcome in ("fail", "review"):
            for verdict in self.verdicts:
                if verdict.outcome == outcome:
                    return verdict.rule
        return None

    def as_document(self) -> DecisionJson:
        return {
            "outcome": self.outcome,
            "policy": self.policy,
            "headline": self.headline,
            "verdicts": [verdict.as_document() for verdict in self.verdicts],
        }


def decide(facts: Facts, policy: PolicyDocument, now: datetime) -> Decision:
    """Apply every rule of the policy to the facts.

    Args: now: aware; the moment the decision is for.
    """
    assert now.tzinfo is not None, "now is aware"
    return Decision(policy.version, tuple(_verdict(facts, rule, now) for rule in policy.rules))


def _verdict(facts: Facts, rule: PolicyRule, now: datetime) -> Verdict:
    answer = RULES[rule.rule].check(facts, rule.params, now)
    lifted = None if answer.passed else exception_from(rule.rule, facts, now)
    if lifted is not None:
        evidence = answer.evidence | {"exception": in_json(lifted)}
        why = Phrase(LIFTED.reason, {"expires_at": lifted.expires_at, "why": lifted.reason})
        message = RuleMessage(why, Phrase(LIFTED.remedy))
        return Verdict(rule.rule, "pass", str(message.reason), evidence, str(message.remedy), message)
    failed = "review" if rule.on_fail == "review" else "fail"
    return Verdict(
        rule.rule,
        "pass" if answer.passed else failed,
        str(answer.message.reason),
        answer.evidence,
        str(answer.message.remedy),
        answer.message,
    )


def exception_from(rule: str, facts: Facts, now: datetime) -> ExceptionFact | None:
    """The exception that lifts this rule now, the one that expires last."""
    if rule in NEVER_LIFTED:
        return None
    open_now = [one for one in facts.exceptions or () if one.rule == rule and now < one.expires_at]
    return max(open_now, key=lambda one: (one.expires_at, one.reason), default=None)


class BatchDecider:
    """Outcomes of very many decisions under one policy at one moment, without their sentences.

    It runs the same checks as `decide`, but once for the same facts; most rules read
    facts that thousands of people share.
    """

    def __init__(self, policy: PolicyDocument, now: datetime) -> None:
        assert now.tzinfo is not None, "now is aware"
        self._now = now
        self._rules = [_Asked(rule, now) for rule in policy.rules]

    def outcomes(self, facts: Facts) -> list[tuple[str, str]]:
        """The rules that do not pass, each with `fail` or `review`."""
        found = [(asked.name, asked.failed) for asked in self._rules if not asked.passes(facts)]
        if found and facts.exceptions:
            return [one for one in found if exception_from(one[0], facts, self._now) is None]
        return found


def overall_outcome(outcomes: Iterable[str]) -> str:
    """The overall outcome of verdicts: `eligible`, `ineligible` or `review`."""
    found = set(outcomes)
    return "ineligible" if "fail" in found else "review" if "review" in found else "eligible"


# Rules that read personal dates have as many answers as people; the bound keeps the cache small.
MOST_REMEMBERED = 4_096


class _Asked:
    """One rule of a policy with its cached answers."""

    def __init__(self, rule: PolicyRule, now: datetime) -> None:
        self.name = rule.rule
        self.failed = "review" if rule.on_fail == "review" else "fail"
        self._check, self._params, self._now = RULES[rule.rule].check, rule.params, now
        self._facts_read = attrgetter(*RULES[rule.rule].reads)
        self._answers: dict[object, bool] = {}

    def passes(self, facts: Facts) -> bool:
        read = self._facts_read(facts)
        known = self._answers.get(read)
        if known is None:
            if len(self._answers) >= MOST_REMEMBERED:
                self._answers.clear()
            known = self._answers[read] = self._check(facts, self._params, self._now).passed
        return known
