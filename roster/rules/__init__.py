"""Eligibility rules: a pure function of facts, policy and time, with reasons.

Needs neither settings nor a database. `parse_policy` and `parse_facts` read the documents, `decide` answers.
"""

from roster.rules.checks import NEVER_LIFTED, RULES, TWO_FACTOR_STATES
from roster.rules.countries import COUNTRIES
from roster.rules.decision import BatchDecider, Decision, Verdict, decide, overall_outcome
from roster.rules.facts import (
    REGION_STATUSES,
    ROLES,
    CampaignFact,
    ExceptionFact,
    Facts,
    RegionFact,
    RoleFact,
    parse_facts,
)
from roster.rules.policy import PolicyDocument, PolicyRule, parse_policy
from roster.rules.policy_diff import policy_differences

__all__ = [
    "COUNTRIES",
    "NEVER_LIFTED",
    "REGION_STATUSES",
    "ROLES",
    "RULES",
    "TWO_FACTOR_STATES",
    "BatchDecider",
    "CampaignFact",
    "Decision",
    "ExceptionFact",
    "Facts",
    "PolicyDocument",
    "PolicyRule",
    "RegionFact",
    "RoleFact",
    "Verdict",
    "decide",
    "overall_outcome",
    "parse_facts",
    "parse_policy",
    "policy_differences",
]
