"""Reads that span the roster's tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F

from roster.models import Account, Designation, Policy, ProjectRole
from roster.rules import Facts, RoleFact


@dataclass(frozen=True)
class CurrentSnapshots:
    """The ids of the role and account lists received last, and when the older of the two came."""

    roles: int | None
    accounts: int | None
    taken_at: datetime | None


def current_snapshots() -> CurrentSnapshots:
    """What the roster stands on; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST_RECEIPTS)
        latest = {kind: (snapshot_id, taken_at) for kind, snapshot_id, taken_at in cursor.fetchall()}
    roles, accounts = latest.get("roles"), latest.get("accounts")
    # Half a roster is none: without either list nothing is known about who maintains what.
    taken_at = min(roles[1], accounts[1]) if roles and accounts else None
    return CurrentSnapshots(roles and roles[0], accounts and accounts[0], taken_at)


_LATEST_RECEIPTS = """
    SELECT DISTINCT ON (snapshot.kind) snapshot.kind, snapshot.id, receipt.taken_at
    FROM roster_receipt receipt JOIN roster_snapshot snapshot ON snapshot.id = receipt.snapshot_id
    WHERE snapshot.kind IN ('roles', 'accounts')
    ORDER BY snapshot.kind, receipt.taken_at DESC, receipt.id DESC
"""


def roster_taken_at() -> datetime | None:
    """How recent the roster is: when the older of the last role list and the last account list came in."""
    return current_snapshots().taken_at


def facts_about(*, account: Account, now: datetime) -> Facts:
    """The roster's part of the facts about an account; three queries, however many projects it has.

    Add the rest (keys, claims, country, region, campaign) with `dataclasses.replace`.
    """
    return Facts(
        username=account.username,
        now=now,
        joined_at=account.joined_at,
        has_totp=account.has_totp,
        has_webauthn=account.has_webauthn,
        is_organization=account.is_organization,
        opted_out=account.opted_out_at is not None,
        # An address that was never seen to change has been the account's since it joined, or at least
        # since the roster first listed it.
        email_changed_at=account.email_changed_at or account.joined_at or account.created_at,
        roles=_roles_of(account),
        roster_taken_at=roster_taken_at(),
    )


def _roles_of(account: Account) -> tuple[RoleFact, ...]:
    live = ProjectRole.objects.live().filter(account=account).select_related("project")
    roles = list(
        live.order_by(F("project__critical_since").asc(nulls_last=True), "project__normalized_name", "role")
    )
    designations = _first_designations(role.project_id for role in roles)
    return tuple(
        RoleFact(
            project=role.project.name,
            role=role.role,
            critical=role.project.critical_since is not None,
            since=role.since,
            designated_on=role.project.critical_since,
            reason=designations.get(role.project_id),
        )
        for role in roles
    )


def _first_designations(projects: Iterable[int]) -> dict[int, str]:
    """Why each project is critical: its first reason, as a sentence's end."""
    reasons: dict[int, str] = {}
    for designation in Designation.objects.filter(project__in=list(projects)).order_by(
        "designated_on", "reason"
    ):
        reasons.setdefault(designation.project_id, _reason(designation))
    return reasons


def _reason(designation: Designation) -> str:
    if designation.reason == Designation.Reason.TOP_DOWNLOADS:
        return f"rank {designation.rank} by downloads"
    if designation.reason == Designation.Reason.ALWAYS:
        return "the package index itself depends on it"
    return designation.note


def policy_in_force(*, now: datetime) -> Policy | None:
    """The published policy that took effect last."""
    effective = Policy.objects.published().filter(effective_at__lte=now)
    return effective.order_by("-effective_at", "-published_at", "-pk").first()
