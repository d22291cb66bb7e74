"""`decide` answers whatever it is asked, and never passes on what it does not know."""

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roster.rules import (
    COUNTRIES,
    REGION_STATUSES,
    ROLES,
    RULES,
    TWO_FACTOR_STATES,
    CampaignFact,
    Facts,
    RegionFact,
    RoleFact,
    decide,
    parse_facts,
    parse_policy,
)

# A shared machine may be slow for a moment; that is no finding.
patient = settings(deadline=None)

maybe = st.none()
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
days = st.dates(date(1, 1, 1), date(9999, 12, 31))
counts = st.integers(0, 2**63 - 1)
words = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=20)
flags = maybe | st.booleans()

facts_of_all_kinds = st.builds(
    Facts,
    username=words,
    now=maybe | moments,
    joined_at=maybe | moments,
    has_totp=flags,
    has_webauthn=flags,
    is_organization=flags,
    opted_out=flags,
    email_changed_at=maybe | moments,
    roles=maybe
    | st.lists(
        st.builds(
            RoleFact,
            project=words,
            role=st.sampled_from(ROLES),
            critical=flags,
            since=maybe | days,
            designated_on=maybe | days,
            reason=maybe | words,
        ),
        max_size=3,
    ).map(tuple),
    roster_taken_at=maybe | moments,
    keys_available=maybe | counts,
    live_claims=maybe | counts,
    invited_in_wave=flags,
    address_claims=maybe | counts,
    country=maybe | st.sampled_from(sorted(COUNTRIES)),
    region=maybe
    | st.builds(
        RegionFact, status=st.sampled_from(REGION_STATUSES), reason=maybe | words, source=maybe | words
    ),
    campaign=maybe | st.builds(CampaignFact, opens_at=maybe | moments, closes_at=maybe | moments),
)


def some(values: Any) -> Any:
    return st.lists(st.sampled_from(sorted(values)), min_size=1, unique=True)


PARAMS: dict[str, Any] = {
    "on_critical_roster": st.fixed_dictionaries({}, optional={"roles": some(ROLES)}),
    "two_factor": st.fixed_dictionaries({"allow": some(TWO_FACTOR_STATES)}),
    "region": st.fixed_dictionaries({}, optional={"allow": some(COUNTRIES)}),
    "account_joined_before": st.fixed_dictionaries({"before": moments.map(datetime.isoformat)}),
    "roster_fresh": st.fixed_dictionaries(
        {"max_age_hours": st.integers(1, 2**63 - 1) | st.floats(0.001, 1e18)}
    ),
    "role_age": st.fixed_dictionaries({"min_days": counts}),
    "email_age": st.fixed_dictionaries({"min_days": counts}),
    "address_not_shared": st.fixed_dictionaries({"max_claims": st.integers(1, 2**63 - 1)}),
}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(RULES)), min_size=1, unique=True))
    return {
        "version": "drawn",
        "rules": [
            {
                "rule": name,
                **draw(PARAMS.get(name, st.just({}))),
                **draw(
                    st.fixed_dictionaries({}, optional={"on_fail": st.sampled_from(["refuse", "review"])})
                ),
            }
            for name in names
        ],
    }


@patient
@given(facts_of_all_kinds, policies(), moments)
def test_it_answers_anything_with_a_verdict_for_each_rule_in_order(
    facts: Facts, document: dict[str, Any], now: datetime
) -> None:
    policy = parse_policy(document)
    decision = decide(facts, policy, now).as_document()
    json.dumps(decision, allow_nan=False).encode()
    assert [verdict["rule"] for verdict in decision["verdicts"]] == [r["rule"] for r in document["rules"]]
    outcomes = [verdict["outcome"] for verdict in decision["verdicts"]]
    if "fail" in outcomes:
        expected = ("ineligible", document["rules"][outcomes.index("fail")]["rule"])
    elif "review" in outcomes:
        expected = ("review", document["rules"][outcomes.index("review")]["rule"])
    else:
        expected = ("eligible", None)
    assert (decision["outcome"], decision["headline"]) == expected


@patient
@given(facts_of_all_kinds, policies(), moments)
def test_forgetting_a_fact_never_makes_a_rule_pass(
    facts: Facts, document: dict[str, Any], now: datetime
) -> None:
    policy = parse_policy(document)
    before = decide(facts, policy, now).verdicts
    for field in fields(Facts):
        nothing: dict[str, Any] = {field.name: "" if field.name == "username" else None}
        forgotten = replace(facts, **nothing)
        for was, is_now in zip(before, decide(forgotten, policy, now).verdicts, strict=True):
            if was.rule != "account_joined_before":
                assert not (is_now.outcome == "pass" and was.outcome != "pass"), field.name


@patient
@given(facts_of_all_kinds)
def test_facts_read_back_as_they_were_written(facts: Facts) -> None:
    assert parse_facts(json.loads(json.dumps(facts.as_document()))) == facts


@patient
@given(policies())
def test_a_policy_reads_back_as_it_was_written(document: dict[str, Any]) -> None:
    policy = parse_policy(document)
    assert parse_policy(json.loads(json.dumps(policy.as_document()))) == policy
