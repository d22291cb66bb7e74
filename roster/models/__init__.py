"""The roster's tables: who maintains what, how well they are protected, and what was decided about them.

Facts are appended (snapshots, receipts, designations, observations, decisions) and the database refuses to
change them; projects, accounts and roles are the state those facts add up to.

What people say of themselves and what staff decide about them are facts too: an exception lifts a rule, a
delegation stands in for a role, a disclaimer takes one away. `AccountEvent` and `ProjectEvent` are the trail.
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
