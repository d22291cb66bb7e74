"""Who may claim: a pure function of facts, policy and the time, with its reasons.

Needs neither settings nor a database. `parse_policy` and `parse_facts` read the documents, `decide` answers.
"""

from roster.rules.checks import RULES, TWO_FACTOR_STATES
from roster.rules.countries import COUNTRIES
from roster.rules.decision import Decision, Verdict, decide
from roster.rules.facts import (
    REGION_STATUSES,
    ROLES,
    CampaignFact,
    Facts,
    RegionFact,
    RoleFact,
    parse_facts,
)
from roster.rules.policy import PolicyDocument, PolicyRule, parse_policy

__all__ = [
    "COUNTRIES",
    "REGION_STATUSES",
    "ROLES",
    "RULES",
    "TWO_FACTOR_STATES",
    "CampaignFact",
    "Decision",
    "Facts",
    "PolicyDocument",
    "PolicyRule",
    "RegionFact",
    "RoleFact",
    "Verdict",
    "decide",
    "parse_facts",
    "parse_policy",
]
