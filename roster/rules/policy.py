"""Policy documents: versioned rules with their parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from common.errors import Problem
from roster.errors import PolicyError
from roster.rules.checks import RULES, Params, Rule
from roster.rules.facts import in_json
from roster.rules.json_parser import Parser, Unreadable, bad, list_of, object_of, one_of, quoted, read_text

ON_FAIL = ("refuse", "review")


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a policy: its name, its parameters, and the consequence of not meeting it."""

    rule: str
    params: Params
    on_fail: str = "refuse"

    def as_document(self) -> dict[str, object]:
        document = {"rule": self.rule, **in_json(self.params)}
        return document if self.on_fail == "refuse" else {**document, "on_fail": self.on_fail}


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """The rules in the order in which their verdicts are given."""

    version: str
    rules: tuple[PolicyRule, ...]
    note: str = ""

    def as_document(self) -> "PolicyJson":
        rules = [rule.as_document() for rule in self.rules]
        if self.note:
            return {"version": self.version, "note": self.note, "rules": rules}
        return {"version": self.version, "rules": rules}


class PolicyJson(TypedDict):
    """A policy document as JSON: what `parse_policy` reads."""

    version: str
    note: NotRequired[str]
    rules: list[dict[str, Any]]


def parse_policy(document: object) -> PolicyDocument:
    """Read a policy from JSON.

    Raises: PolicyError: every unknown rule, parameter, state, role or country, rule named twice, missing
            parameter and wrong type, each with its field.
    """
    try:
        found = _POLICY(document)
        _refuse_twice(found["rules"])
    except Unreadable as error:
        raise PolicyError(error.problems) from None
    return PolicyDocument(**found)


def _version(value: object) -> str:
    # A version is part of web addresses.
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise bad(
            f"{quoted(value)} is not a version.",
            "Use up to 64 letters, digits, dots and dashes, like 2022-06-21.",
        )
    return value


def _rules(value: object) -> tuple[PolicyRule, ...]:
    rules: tuple[PolicyRule, ...] = list_of(_rule)(value)
    if not rules:
        raise bad("a policy without rules would make everyone eligible.", "Name at least one rule.")
    return rules


def _rule(value: object) -> PolicyRule:
    if not isinstance(value, dict) or "rule" not in value:
        raise bad(
            f"{quoted(value)} is not an object that names a rule.", 'Write it as {"rule": "one_claim"}.'
        )
    rule = RULES[_rule_name(value["rule"])]
    fields: dict[str, Parser] = {"rule": read_text, **rule.params, "on_fail": one_of(ON_FAIL, "consequence")}
    found = object_of(fields, required=rule.required)(value)
    _refuse_null(rule, value)
    _refuse_half(rule, found)
    return PolicyRule(found.pop("rule"), on_fail=found.pop("on_fail", "refuse"), params=found)


def _rule_name(value: object) -> str:
    try:
        name: str = one_of(RULES, "rule")(value)
    except Unreadable as error:
        problem = error.problems[0]
        raise Unreadable(Problem(problem.problem, field="rule", remedy=problem.remedy)) from None
    return name


def _refuse_null(rule: Rule, value: Mapping[str, Any]) -> None:
    """Refuse null parameters: leaving a parameter out may mean the opposite of what was wanted."""
    for name in (*rule.params, "on_fail"):
        if name in value and value[name] is None:
            raise Unreadable(Problem("is null.", field=name, remedy="Give it a value or leave it out."))


def _refuse_half(rule: Rule, found: Mapping[str, Any]) -> None:
    given = [name for name in rule.together if name in found]
    missing = [name for name in rule.together if name not in found]
    if given and missing:
        raise Unreadable(
            Problem(f"is missing beside {given[0]}.", field=missing[0], remedy="Give both or neither.")
        )
    if given and not found[rule.together[0]] < found[rule.together[1]]:
        raise Unreadable(Problem(f"is not before {rule.together[1]}.", field=rule.together[0]))


def _refuse_twice(rules: tuple[PolicyRule, ...]) -> None:
    names = [rule.rule for rule in rules]
    problems = [
        Problem(f"rule {name} is named twice.", field=f"rules[{position}].rule")
        for position, name in enumerate(names)
        if name in names[:position]
    ]
    if problems:
        raise Unreadable(*problems)


_POLICY = object_of({"version": _version, "note": read_text, "rules": _rules}, required=("version", "rules"))
