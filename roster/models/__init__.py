"""The roster's tables: maintainers and projects, two-factor states, policies and decisions.

Facts (snapshots, receipts, designations, observations, decisions) are append-only, enforced by the
database; projects, accounts and roles are the current state derived from them.

Declarations of people and decisions of staff are facts too: an exception lifts a rule, a
delegation replaces a role, a disclaimer removes one. `AccountEvent` and `ProjectEvent` record the history.
"""

from roster.models.accounts import (
    Account,
    AccountEvent,
    AccountQuerySet,
    ProjectRole,
    ProjectRoleQuerySet,
    TwoFactorObservation,
)
from roster.models.appeals import LONGEST_TEXT, Appeal, Disclaimer, DisclaimerQuerySet
from roster.models.delegations import DELEGATES_PER_PROJECT, Delegation, DelegationQuerySet
from roster.models.exceptions import PolicyException, PolicyExceptionQuerySet
from roster.models.policies import Decision, Policy, PolicyPreview, PolicyQuerySet
from roster.models.projects import Designation, Project, ProjectEvent, ProjectQuerySet
from roster.models.snapshots import HeldList, Receipt, Snapshot, SnapshotQuerySet

__all__ = [
    "DELEGATES_PER_PROJECT",
    "LONGEST_TEXT",
    "Account",
    "AccountEvent",
    "AccountQuerySet",
    "Appeal",
    "Decision",
    "Delegation",
    "DelegationQuerySet",
    "Designation",
    "Disclaimer",
    "DisclaimerQuerySet",
    "HeldList",
    "Policy",
    "PolicyException",
    "PolicyExceptionQuerySet",
    "PolicyPreview",
    "PolicyQuerySet",
    "Project",
    "ProjectEvent",
    "ProjectQuerySet",
    "ProjectRole",
    "ProjectRoleQuerySet",
    "Receipt",
    "Snapshot",
    "SnapshotQuerySet",
    "TwoFactorObservation",
]
