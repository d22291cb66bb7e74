"""Policies and facts that cannot be read: what is wrong is named, with its place."""

from typing import Any

import pytest

from roster.errors import FactsError, PolicyError
from roster.policies import VERSIONS, shipped_policy
from roster.rules import parse_facts, parse_policy


@pytest.mark.parametrize("version", VERSIONS)
def test_a_shipped_policy_is_read_and_bears_its_files_name(version: str) -> None:
    assert parse_policy(shipped_policy(version)).version == version


def one(rule: Any) -> dict[str, Any]:
    return {"version": "v", "rules": [rule]}


BAD_POLICIES: list[tuple[Any, str, str]] = [
    (None, "", "not a JSON object"),
    ([], "", "not a JSON object"),
    ({}, "version", "missing"),
    ({"version": "v"}, "rules", "missing"),
    ({"version": "v", "rules": []}, "rules", "without rules"),
    ({"version": "v", "rules": {}}, "rules", "not a list"),
    ({"version": "a b", "rules": [{"rule": "one_claim"}]}, "version", "'a b'"),
    ({"version": 3, "rules": [{"rule": "one_claim"}]}, "version", "3"),
    ({"version": "v", "rules": [{"rule": "one_claim"}], "extra": 1}, "extra", "unknown field"),
    (one("one_claim"), "rules[0]", "names a rule"),
    (one({"rule": "first_come"}), "rules[0].rule", "'first_come'"),
    (one({"rule": ["one_claim"]}), "rules[0].rule", "one_claim"),
    (one({"rule": "one_claim", "allow": []}), "rules[0].allow", "unknown field"),
    (one({"rule": "one_claim", "on_fail": "maybe"}), "rules[0].on_fail", "'maybe'"),
    (one({"rule": "one_claim", "on_fail": None}), "rules[0].on_fail", "null"),
    (one({"rule": "two_factor"}), "rules[0].allow", "missing"),
    (one({"rule": "two_factor", "allow": []}), "rules[0].allow", "empty"),
    (one({"rule": "two_factor", "allow": "none"}), "rules[0].allow", "not a list"),
    (one({"rule": "two_factor", "allow": ["sms"]}), "rules[0].allow[0]", "'sms'"),
    (one({"rule": "two_factor", "allow": ["none", "none"]}), "rules[0].allow", "twice"),
    (one({"rule": "region", "allow": ["DE", "XX"]}), "rules[0].allow[1]", "'XX'"),
    (one({"rule": "region", "allow": None}), "rules[0].allow", "null"),
    (one({"rule": "on_critical_roster", "roles": ["Admin"]}), "rules[0].roles[0]", "'Admin'"),
    (one({"rule": "account_joined_before", "before": "soon"}), "rules[0].before", "'soon'"),
    (
        one({"rule": "account_joined_before", "before": "0001-01-01T00:00:00+14:00"}),
        "rules[0].before",
        "calendar",
    ),
    (one({"rule": "roster_fresh", "max_age_hours": "48"}), "rules[0].max_age_hours", "'48'"),
    (one({"rule": "roster_fresh", "max_age_hours": float("nan")}), "rules[0].max_age_hours", "nan"),
    (one({"rule": "roster_fresh", "max_age_hours": True}), "rules[0].max_age_hours", "True"),
    (one({"rule": "role_age", "min_days": -1}), "rules[0].min_days", "-1"),
    (one({"rule": "address_not_shared", "max_claims": 0}), "rules[0].max_claims", "0"),
    (
        one({"rule": "campaign_open", "opens_at": "2022-01-01T00:00Z"}),
        "rules[0].closes_at",
        "beside opens_at",
    ),
    (
        one({"rule": "campaign_open", "opens_at": "2022-02-01T00:00Z", "closes_at": "2022-01-01T00:00Z"}),
        "rules[0].opens_at",
        "not before closes_at",
    ),
    ({"version": "v", "rules": [{"rule": "one_claim"}, {"rule": "one_claim"}]}, "rules[1].rule", "twice"),
]


@pytest.mark.parametrize(("document", "field", "words"), BAD_POLICIES)
def test_a_bad_policy_is_refused_with_the_place_and_the_value(document: Any, field: str, words: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(document)
    (problem,) = refused.value.problems if document != {} else refused.value.problems[:1]
    assert (problem.field or "") == field
    assert words in problem.problem


def test_all_that_is_wrong_with_a_policy_is_said_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy({"version": "v", "rules": [{"rule": "a"}, {"rule": "two_factor", "allow": ["b", "c"]}]})
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["rules[0].rule", "rules[1].allow[0]", "rules[1].allow[1]"]


BAD_FACTS: list[tuple[Any, str, str]] = [
    ("m-1", "", "not a JSON object"),
    ({"email": "m-1@example.org"}, "email", "unknown field"),
    ({"has_totp": "no"}, "has_totp", "'no'"),
    ({"has_webauthn": 0}, "has_webauthn", "0"),
    ({"joined_at": "2014-02-03T00:00:00"}, "joined_at", "no time zone"),
    ({"joined_at": "2014-02-03"}, "joined_at", "not a time"),
    ({"now": "2022-02-30T00:00:00Z"}, "now", "2022-02-30"),
    ({"keys_available": -1}, "keys_available", "-1"),
    ({"keys_available": 1.5}, "keys_available", "1.5"),
    ({"keys_available": 10**30}, "keys_available", "whole number"),
    ({"live_claims": True}, "live_claims", "True"),
    ({"country": "Germany"}, "country", "'Germany'"),
    ({"roles": {}}, "roles", "not a list"),
    ({"roles": [{"project": "a"}]}, "roles[0].role", "missing"),
    ({"roles": [{"project": "a", "role": "Boss"}]}, "roles[0].role", "'Boss'"),
    ({"roles": [{"project": "a", "role": "Owner", "since": "May"}]}, "roles[0].since", "'May'"),
    ({"username": "a\nb"}, "username", "control"),
    ({"username": "\ud800"}, "username", "ud800"),
    ({"region": {"status": "closed"}}, "region.status", "'closed'"),
    ({"campaign": {"opens_at": 1}}, "campaign.opens_at", "1"),
]


@pytest.mark.parametrize(("document", "field", "words"), BAD_FACTS)
def test_bad_facts_are_refused_with_the_place_and_the_value(document: Any, field: str, words: str) -> None:
    with pytest.raises(FactsError) as refused:
        parse_facts(document)
    (problem,) = refused.value.problems
    assert (problem.field or "") == field
    assert words in problem.problem


def test_a_fact_given_as_null_is_a_fact_not_known() -> None:
    assert parse_facts({"joined_at": None, "roles": None}) == parse_facts({})
