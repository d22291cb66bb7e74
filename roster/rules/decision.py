"""The decision: every rule's verdict on one account, and what they come to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roster.rules.checks import RULES
from roster.rules.facts import Facts
from roster.rules.policy import PolicyDocument, PolicyRule


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer: `pass`, `fail` or `review`, why, on what facts, and what would change it."""

    rule: str
    outcome: str
    reason: str
    evidence: dict[str, Any]
    remedy: str

    def as_document(self) -> dict[str, Any]:
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
        outcomes = {verdict.outcome for verdict in self.verdicts}
        return "ineligible" if "fail" in outcomes else "review" if "review" in outcomes else "eligible"

    @property
    def headline(self) -> str | None:
        """The rule to name first: the first that refuses, else the first that asks for a review."""
        for outcome in ("fail", "review"):
            for verdict in self.verdicts:
                if verdict.outcome == outcome:
                    return verdict.rule
        return None

    def as_document(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "policy": self.policy,
            "headline": self.headline,
            "verdicts": [verdict.as_document() for verdict in self.verdicts],
        }


def decide(facts: Facts, policy: PolicyDocument, now: datetime) -> Decision:
    """Ask every rule of the policy about the facts.

    Args: now: aware; the moment the decision is for.
    """
    assert now.tzinfo is not None, "now is aware"
    return Decision(policy.version, tuple(_verdict(facts, rule, now) for rule in policy.rules))


def _verdict(facts: Facts, rule: PolicyRule, now: datetime) -> Verdict:
    answer = RULES[rule.rule].check(facts, rule.params, now)
    failed = "review" if rule.on_fail == "review" else "fail"
    return Verdict(
        rule.rule,
        "pass" if answer.passed else failed,
        answer.text.reason,
        answer.evidence,
        answer.text.remedy,
    )
