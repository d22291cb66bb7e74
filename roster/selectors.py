"""Reads over several tables of the roster."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value

from common.prepared_queries import IsAnyOf, prepared, prepared_cursor
from roster.files.names import normalized
from roster.localization import ALWAYS
from roster.models import (
    DELEGATES_PER_PROJECT,
    Account,
    Appeal,
    Delegation,
    Designation,
    Disclaimer,
    Policy,
    PolicyException,
    Project,
    ProjectEvent,
    ProjectRole,
    TwoFactorObservation,
)
from roster.rules import ExceptionFact, Facts, RoleFact


@dataclass(frozen=True)
class CurrentSnapshots:
    """The ids of the role and account lists received last, and when the older of the two came."""

    roles: int | None
    accounts: int | None
    taken_at: datetime | None


def current_snapshots() -> CurrentSnapshots:
    """The latest snapshots of roles and accounts; one query."""
    with prepared_cursor() as cursor:
        cursor.execute(_LATEST_RECEIPTS)
        latest = {kind: (snapshot_id, taken_at) for kind, snapshot_id, taken_at in cursor.fetchall()}
    roles, accounts = latest.get("roles"), latest.get("accounts")
    # Both lists are needed: without either, it is unknown who maintains what.
    taken_at = min(roles[1], accounts[1]) if roles and accounts else None
    return CurrentSnapshots(roles and roles[0], accounts and accounts[0], taken_at)


_LATEST_RECEIPTS = """
    SELECT DISTINCT ON (snapshot.kind) snapshot.kind, snapshot.id, receipt.taken_at
    FROM roster_receipt receipt JOIN roster_snapshot snapshot ON snapshot.id = receipt.snapshot_id
    WHERE snapshot.kind IN ('roles', 'accounts')
    ORDER BY snapshot.kind, receipt.taken_at DESC, receipt.id DESC
"""


def roster_taken_at() -> datetime | None:
    """When the older of the last role list and the last account list was imported."""
    return current_snapshots().taken_at


def account_named(username: str) -> Account | None:
    """The account of this name, however it is capitalised."""
    return next(iter(_named(lower_username=username.lower())), None)


def lock_account_named(username: str) -> Account | None:
    """The same as `account_named`, locked until the transaction ends."""
    return next(iter(_named_and_locked(lower_username=username.lower())), None)


@prepared
def _named(*, lower_username: str) -> QuerySet[Account]:
    return Account.objects.of_lower_name(lower_username)


@prepared
def _named_and_locked(*, lower_username: str) -> QuerySet[Account]:
    return Account.objects.of_lower_name(lower_username).select_for_update(no_key=True)


def facts_about(*, account: Account, now: datetime, snapshots: CurrentSnapshots | None = None) -> Facts:
    """The roster's part of the facts about an account; five queries, however many projects it has.

    Add the rest (keys, claims, country, region, campaign) with `dataclasses.replace`.

    Args: snapshots: the current snapshots, if the caller has read them already.
    """
    return facts_of(accounts=[account], now=now, snapshots=snapshots)[0]


def facts_of(
    *, accounts: Sequence[Account], now: datetime, snapshots: CurrentSnapshots | None = None
) -> list[Facts]:
    """`facts_about` for many, in as many queries as for one.

    Args: snapshots: the current snapshots, if the caller has read them already.
    """
    roles = _roles_of(accounts)
    exceptions = _exceptions_of(accounts, now)
    taken_at = (snapshots or current_snapshots()).taken_at
    return [
        Facts(
            username=account.username,
            now=now,
            joined_at=account.joined_at,
            has_totp=account.has_totp,
            has_webauthn=account.has_webauthn,
            is_organization=account.is_organization,
            opted_out=account.opted_out_at is not None,
            # An address with no known change has been the account's since it joined, or at least
            # since the roster first listed it.
            email_changed_at=account.email_changed_at or account.joined_at or account.created_at,
            roles=tuple(roles.get(account.pk, ())),
            roster_taken_at=taken_at,
            exceptions=exceptions.get(account.pk),
        )
        for account in accounts
    ]


def _roles_of(accounts: Sequence[Account]) -> dict[int, list[RoleFact]]:
    """Each account's roles, critical ones first, with delegated and without disclaimed ones."""
    ids = [account.pk for account in accounts]
    rows = [*_own_roles(accounts=ids), *_as_roles(_delegations(accounts=ids))]
    critical = {row["project_id"] for row in rows if row["project__critical_since"] is not None}
    reasons = _first_designations(critical) if critical else {}
    rows.sort(
        key=lambda row: (
            row["project__critical_since"] or date.max,
            row["project__normalized_name"],
            row["role"],
        )
    )
    found: dict[int, list[RoleFact]] = {}
    for row in rows:
        found.setdefault(row["account_id"], []).append(
            RoleFact(
                project=row["project__name"],
                role=row["role"],
                critical=row["project__critical_since"] is not None,
                since=row["since"],
                designated_on=row["project__critical_since"],
                reason=reasons.get(row["project_id"]),
                recreated=row["recreated_on"] is not None,
                recreated_on=row["recreated_on"],
                delegated_by=row["delegated_by"],
            )
        )
    return found


_OF_A_PROJECT = ("account_id", "project_id", "project__name", "project__normalized_name")


def effective_roles() -> QuerySet[ProjectRole]:
    """Live roles that their account does not disclaim."""
    disclaimed = Disclaimer.objects.live().filter(account=OuterRef("account"), project=OuterRef("project"))
    return ProjectRole.objects.live().filter(~Exists(disclaimed))


def effective_delegations() -> QuerySet[Delegation]:
    """Live delegations whose author may still speak for the project."""
    speaking = ProjectRole.objects.live().filter(
        Q(role=ProjectRole.Role.OWNER) | Q(account__is_organization=True),
        account=OuterRef("delegated_by"),
        project=OuterRef("project"),
    )
    return Delegation.objects.live().filter(Exists(speaking))


@prepared
def _own_roles(*, accounts: Sequence[int]) -> QuerySet[ProjectRole, dict[str, Any]]:
    rows: QuerySet[ProjectRole, dict[str, Any]] = (
        effective_roles()
        .filter(IsAnyOf("account", accounts))
        .annotate(recreated_on=_recreated_on(), delegated_by=Value(None, TextField()))
        .values(*_OF_A_PROJECT, "project__critical_since", "role", "since", "recreated_on", "delegated_by")
    )
    return rows


@prepared
def _delegations(*, accounts: Sequence[int]) -> QuerySet[Delegation, dict[str, Any]]:
    rows: QuerySet[Delegation, dict[str, Any]] = (
        effective_delegations()
        .filter(IsAnyOf("account", accounts))
        .annotate(recreated_on=_recreated_on(), by=F("delegated_by__username"))
        .values(*_OF_A_PROJECT, "project__critical_since", "created_at", "recreated_on", "by")
    )
    return rows


def _as_roles(delegations: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for row in delegations:
        # A delegate counts as a maintainer.
        yield {
            **row,
            "role": ProjectRole.Role.MAINTAINER.value,
            "since": row["created_at"].date(),
            "delegated_by": row["by"],
        }


def _recreated_on() -> Subquery:
    made_anew = ProjectEvent.objects.filter(project=OuterRef("project"), kind=ProjectEvent.Kind.RECREATED)
    return Subquery(made_anew.order_by("-on").values("on")[:1])


def _exceptions_of(accounts: Sequence[Account], now: datetime) -> dict[int, tuple[ExceptionFact, ...]]:
    found: dict[int, tuple[ExceptionFact, ...]] = {}
    for one in _exceptions(accounts=[account.pk for account in accounts], now=now):
        fact = ExceptionFact(rule=one.rule, reason=one.reason, expires_at=one.expires_at)
        found[one.account_id] = (*found.get(one.account_id, ()), fact)
    return found


@prepared
def _exceptions(*, accounts: Sequence[int], now: datetime) -> QuerySet[PolicyException]:
    return PolicyException.objects.in_force(now).filter(IsAnyOf("account", accounts)).order_by("pk")


def _first_designations(projects: Iterable[int]) -> dict[int, str]:
    """The first reason why each project is critical, as the end of a sentence."""
    reasons: dict[int, str] = {}
    for designation in _designations(projects=list(projects)):
        reasons.setdefault(designation.project_id, designation_reason(designation))
    return reasons


@prepared
def _designations(*, projects: Sequence[int]) -> QuerySet[Designation]:
    return Designation.objects.filter(IsAnyOf("project", projects)).order_by("designated_on", "reason")


def designation_reason(designation: Designation) -> str:
    """The reason why a project is critical, as the end of a sentence."""
    if designation.reason == Designation.Reason.TOP_DOWNLOADS:
        return f"rank {designation.rank} by downloads"
    if designation.reason == Designation.Reason.ALWAYS:
        return ALWAYS
    return designation.note


@dataclass(frozen=True)
class TwoFactorState:
    """An account's two-factor state, and when it was first observed."""

    has_totp: bool
    has_webauthn: bool
    since: datetime


def two_factor_at(*, account: Account, moment: datetime) -> TwoFactorState | None:
    """The two-factor state known at a moment; None before the first observation."""
    last = (
        TwoFactorObservation.objects.filter(account=account, observed_at__lte=moment)
        .order_by("-observed_at", "-pk")
        .first()
    )
    return None if last is None else TwoFactorState(last.has_totp, last.has_webauthn, last.observed_at)


@dataclass(frozen=True)
class ProjectHistory:
    """A project's designations and its events on the index."""

    project: Project
    designations: Sequence[Designation]
    events: Sequence[ProjectEvent]

    @property
    def flags(self) -> list[str]:
        """Kinds of events of the project, without duplicates."""
        return list(dict.fromkeys(event.kind for event in self.events))


def project_history(*, name: str) -> ProjectHistory | None:
    """The project of this name in any spelling; three queries. None when it is not on the roster."""
    project = Project.objects.filter(normalized_name=normalized(name)).first()
    if project is None:
        return None
    # A snapshot's content is megabytes, and only its window is shown.
    reasons = project.designations.select_related("snapshot").defer("snapshot__content")
    events = project.events.select_related("successor")
    return ProjectHistory(
        project, list(reasons.order_by("designated_on", "pk")), list(events.order_by("recorded_at", "pk"))
    )


def critical_projects_of(account: Account) -> list[str]:
    """Names of the critical projects that make an account eligible, the most downloaded first."""
    facts = _roles_of([account]).get(account.pk, [])
    return list(dict.fromkeys(role.project for role in facts if role.critical))


@dataclass(frozen=True)
class CriticalRole:
    """A live role on a critical project, with the person's disclaimer if any."""

    project_id: int
    project: str
    normalized_name: str
    role: str
    since: date | None
    disclaimed: str


@dataclass(frozen=True)
class AppealSummary:
    """An appeal as the person sees it."""

    pk: int
    rule: str
    state: str
    get_state_display: str
    text: str
    answer: str
    created_at: datetime
    awaits_second_approval: bool


@dataclass(frozen=True)
class RosterSummary:
    """The roster data that a person can view and change."""

    roles: Sequence[CriticalRole]
    named_for: Sequence[Delegation]
    named: Sequence[Delegation]
    appeals: Sequence[AppealSummary]
    exceptions: Sequence[PolicyException]
    delegates_per_project: int = DELEGATES_PER_PROJECT


def roster_summary(*, account: Account, now: datetime) -> RosterSummary:
    """The roster data of a person's page; four queries, whatever the number of rows."""
    said = Disclaimer.objects.live().filter(account=account, project=OuterRef("project"))
    roles = (
        ProjectRole.objects.live()
        .filter(account=account, project__critical_since__isnull=False)
        .select_related("project")
        .annotate(disclaimed=Subquery(said.values("kind")[:1]))
        .order_by("project__normalized_name", "role")
    )
    delegations = list(
        Delegation.objects.live()
        .filter(Q(account=account) | Q(delegated_by=account))
        .select_related("project", "account", "delegated_by")
        .order_by("project__normalized_name", "pk")
    )
    appeals = Appeal.objects.filter(account=account).select_related("exception").order_by("created_at", "pk")
    return RosterSummary(
        roles=[
            CriticalRole(
                role.project_id,
                role.project.name,
                role.project.normalized_name,
                role.role,
                role.since,
                _in_words(role.disclaimed),  # type: ignore[attr-defined]  # the annotation
            )
            for role in roles
        ],
        named_for=[one for one in delegations if one.account_id == account.pk],
        named=[one for one in delegations if one.delegated_by_id == account.pk],
        appeals=[_appeal_shown(appeal) for appeal in appeals],
        exceptions=list(
            PolicyException.objects.in_force(now).filter(account=account).order_by("expires_at", "pk")
        ),
    )


def _in_words(said: str | None) -> str:
    return str(Disclaimer.Kind(said).label) if said else ""


def _appeal_shown(appeal: Appeal) -> AppealSummary:
    exception = appeal.exception
    return AppealSummary(
        pk=appeal.pk,
        rule=appeal.rule,
        state=appeal.state,
        get_state_display=Appeal.State(appeal.state).label,
        text=appeal.text,
        answer=appeal.answer,
        created_at=appeal.created_at,
        awaits_second_approval=exception is not None
        and exception.granted_at is None
        and exception.ended_at is None,
    )


def policy_in_force(*, now: datetime) -> Policy | None:
    """The published policy that took effect most recently."""
    effective = Policy.objects.published().filter(effective_at__lte=now)
    return effective.order_by("-effective_at", "-published_at", "-pk").first()
