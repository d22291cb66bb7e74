"""Roles and their permissions: one table for all pages.

A person can have several roles. If an action takes two people (docs/glossary.md, "two people"), the service
refuses the same person twice, whatever their roles.
"""

from collections.abc import Mapping

from django.db import models


class Role(models.TextChoices):
    """A role; the text is shown to staff."""

    VIEWER = "viewer", "viewer"
    PACKER = "packer", "packer"
    REVIEWER = "reviewer", "reviewer"
    STOCK_KEEPER = "stock_keeper", "stock keeper"
    MANAGER = "programme_manager", "programme manager"
    AUDITOR = "auditor", "auditor"
    ADMINISTRATOR = "administrator", "administrator"


class Action(models.TextChoices):
    """A permission; the text completes "You do not have permission to …"."""

    SEE_DESK = "see_desk", "see the desk"
    SEE_PERSON = "see_person", "see a maintainer's history"
    OPEN_ADDRESS = "open_address", "open an address"
    REVIEW_CLAIM = "review_claim", "decide claims in review"
    WORK_CASE = "work_case", "work cases"
    MOVE_MONEY = "move_money", "refund payments"
    PACK = "pack", "pick, pack and hand over parcels"
    KEEP_STOCK = "keep_stock", "receive, place and count keys"
    SETTLE_COUNT = "settle_count", "approve the differences of a count"
    HOLD_STOCK = "hold_stock", "recall and release keys"
    WRITE_OFF = "write_off", "write off keys"
    PROPOSE_EXCEPTION = "propose_exception", "propose exceptions and answer appeals"
    APPROVE_EXCEPTION = "approve_exception", "approve exceptions"
    RUN_PROGRAMME = "run_programme", "change the programme"
    PUBLISH_POLICY = "publish_policy", "publish policies"
    SEE_AUDIT = "see_audit", "read the activity log"
    APPOINT = "appoint", "appoint staff"


_R = Role
_EVERYBODY = frozenset(Role)

ALLOWED: Mapping[Action, frozenset[Role]] = {
    Action.SEE_DESK: _EVERYBODY,
    Action.SEE_PERSON: frozenset({_R.REVIEWER, _R.MANAGER, _R.AUDITOR}),
    Action.OPEN_ADDRESS: frozenset({_R.REVIEWER, _R.MANAGER}),
    Action.REVIEW_CLAIM: frozenset({_R.REVIEWER, _R.MANAGER}),
    Action.WORK_CASE: frozenset({_R.REVIEWER, _R.MANAGER}),
    # Reviewers of claims do not also send money.
    Action.MOVE_MONEY: frozenset({_R.MANAGER}),
    Action.PACK: frozenset({_R.PACKER, _R.STOCK_KEEPER}),
    Action.KEEP_STOCK: frozenset({_R.STOCK_KEEPER}),
    Action.SETTLE_COUNT: frozenset({_R.STOCK_KEEPER, _R.MANAGER}),
    Action.HOLD_STOCK: frozenset({_R.STOCK_KEEPER, _R.MANAGER}),
    Action.WRITE_OFF: frozenset({_R.STOCK_KEEPER, _R.MANAGER}),
    Action.PROPOSE_EXCEPTION: frozenset({_R.REVIEWER, _R.MANAGER}),
    Action.APPROVE_EXCEPTION: frozenset({_R.MANAGER}),
    Action.RUN_PROGRAMME: frozenset({_R.MANAGER}),
    Action.PUBLISH_POLICY: frozenset({_R.MANAGER}),
    Action.SEE_AUDIT: frozenset({_R.AUDITOR, _R.ADMINISTRATOR}),
    Action.APPOINT: frozenset({_R.ADMINISTRATOR}),
}


def who_may(action: Action) -> list[str]:
    """The names of the roles that allow it, for the refusal."""
    return [role.label for role in Role if role in ALLOWED[action]]
