"""`decide` answers whatever it is asked, and never passes on what it does not know."""

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roster.rules import (
    COUNTRIES,
    NEVER_LIFTED,
    REGION_STATUSES,
    ROLES,
    RULES,
    TWO_FACTOR_STATES,
    BatchDecider,
    CampaignFact,
    ExceptionFact,
    Facts,
    RegionFact,
    RoleFact,
    decide,
    overall_outcome,
    parse_facts,
    parse_policy,
    policy_differences,
)
from roster.rules.facts import in_json
from roster.rules.preview import preview_policies

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
            recreated=flags,
            recreated_on=maybe | days,
            delegated_by=maybe | words,
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
    exceptions=maybe
    | st.lists(
        st.builds(ExceptionFact, rule=st.sampled_from(sorted(RULES)), reason=words, expires_at=moments),
        max_size=2,
    ).map(tuple),
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
    "project_not_recreated": st.fixed_dictionaries({"min_days": counts}),
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


@patient
@given(facts_of_all_kinds, policies(), moments, st.randoms(use_true_random=False))
def test_the_order_in_which_facts_come_changes_nothing(
    facts: Facts, document: dict[str, Any], now: datetime, random: Random
) -> None:
    policy = parse_policy(document)
    roles, exceptions = list(facts.roles or ()), list(facts.exceptions or ())
    random.shuffle(roles)
    random.shuffle(exceptions)
    shuffled = replace(
        facts,
        roles=None if facts.roles is None else tuple(roles),
        exceptions=None if facts.exceptions is None else tuple(exceptions),
    )
    assert decide(shuffled, policy, now) == decide(facts, policy, now)
    rules = list(document["rules"])
    random.shuffle(rules)
    other_order = decide(facts, parse_policy({**document, "rules": rules}), now)
    assert other_order.outcome == decide(facts, policy, now).outcome
    assert sorted(v.rule + v.outcome for v in other_order.verdicts) == sorted(
        v.rule + v.outcome for v in decide(facts, policy, now).verdicts
    )


@patient
@given(st.lists(facts_of_all_kinds, max_size=6), policies(), moments)
def test_many_judged_at_once_are_judged_as_one_by_one(
    everyone: list[Facts], document: dict[str, Any], now: datetime
) -> None:
    policy = parse_policy(document)
    judge = BatchDecider(policy, now)
    for facts in [*everyone, *everyone]:
        decision = decide(facts, policy, now)
        found = judge.outcomes(facts)
        assert found == [(v.rule, v.outcome) for v in decision.verdicts if v.outcome != "pass"]
        assert overall_outcome(outcome for _, outcome in found) == decision.outcome


@patient
@given(facts_of_all_kinds, policies(), moments)
def test_an_exception_makes_one_rule_pass_until_it_expires_and_no_other(
    facts: Facts, document: dict[str, Any], now: datetime
) -> None:
    policy = parse_policy(document)
    plain = replace(facts, exceptions=None)
    before = decide(plain, policy, now)
    for verdict in before.verdicts:
        granted = ExceptionFact(rule=verdict.rule, reason="because", expires_at=now + timedelta(seconds=1))
        after = decide(replace(plain, exceptions=(granted,)), policy, now)
        expected = verdict.outcome if verdict.rule in NEVER_LIFTED else "pass"
        assert [v.outcome for v in after.verdicts] == [
            expected if v.rule == verdict.rule else v.outcome for v in before.verdicts
        ]
        expired = replace(granted, expires_at=now)
        assert decide(replace(plain, exceptions=(expired,)), policy, now) == before


@patient
@given(policies(), policies())
def test_the_difference_of_two_policies_is_said_unless_there_is_none(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    old, new = parse_policy(before), parse_policy(after)
    assert policy_differences(old, old) == []
    said = policy_differences(old, new)
    asked = [
        {r.rule: (str(in_json(sorted_params(r.params))), r.on_fail) for r in p.rules} for p in (old, new)
    ]
    if asked[0] != asked[1]:
        assert said
    for sentence in said:
        assert sentence.endswith(".")


def sorted_params(params: Any) -> Any:
    return {k: sorted(v) if isinstance(v, tuple) else v for k, v in sorted(params.items())}


@patient
@given(st.lists(facts_of_all_kinds, max_size=8), policies(), policies(), moments)
def test_a_preview_is_deciding_one_by_one(
    everyone: list[Facts], before: dict[str, Any], after: dict[str, Any], now: datetime
) -> None:
    old, new = parse_policy(before), parse_policy(after)
    named = [replace(facts, username=f"m-{number}") for number, facts in enumerate(everyone)]
    found = preview_policies(named, current=old, proposed=new, now=now)
    expected: dict[str, list[str]] = {"gained": [], "lost": [], "unchanged": []}
    for facts in named:
        was, becomes = (is_admitted(facts, policy, now) for policy in (old, new))
        change = "unchanged" if was == becomes else "gained" if becomes else "lost"
        expected[change].append(facts.username)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.counts["people"] == len(named) == sum(found.outcomes.values())
    assert sum(sum(counted.values()) for counted in found.by_region.values()) == len(named)
    turned = preview_policies(reversed(named), current=old, proposed=new, now=now)
    assert sorted(turned.gained) == sorted(found.gained)
    assert turned.by_rule == found.by_rule
    json.dumps(found.as_document())


def is_admitted(facts: Facts, policy: Any, now: datetime) -> bool:
    """Deciding one by one; `region` is set aside for whose country is not known."""
    verdicts = decide(facts, policy, now).verdicts
    return not any(
        v.outcome == "fail" and not (v.rule == "region" and facts.country is None) for v in verdicts
    )
