"""Delegation: owners and organisations name the people behind a project."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from roster.errors import DelegationRefused, UnknownRecord
from roster.files.names import normalized
from roster.models import (
    DELEGATES_PER_PROJECT,
    Account,
    Delegation,
    Project,
    ProjectRole,
    ProjectRoleQuerySet,
)
from roster.services.events import record_event


def delegable_projects(account: Account) -> list[Project]:
    """The critical projects this account may name people for: an organisation's, and those it owns."""
    return list(
        Project.objects.critical()
        .filter(roles__in=_speaking_roles().filter(account=account))
        .order_by("normalized_name")
        .distinct()
    )


def may_delegate(account: Account, project: Project) -> bool:
    """Whether this account may name people for the project."""
    return _speaking_roles().filter(account=account, project=project).exists()


def _speaking_roles() -> ProjectRoleQuerySet:
    return ProjectRole.objects.live().filter(Q(role="Owner") | Q(account__is_organization=True))


def delegate(*, project: str, username: str, delegated_by: Account, actor: str, now: datetime) -> Delegation:
    """Name a person behind a project; from then on they count as its maintainer.

    Args:   project: in any spelling.
    Locks:  the project's row, so that concurrent delegations do not take the same slot.
    Raises: DelegationRefused: the reason and the remedy.
    """
    with transaction.atomic():
        found = (
            Project.objects.select_for_update(no_key=True).filter(normalized_name=normalized(project)).first()
        )
        if found is None or found.critical_since is None or not may_delegate(delegated_by, found):
            raise DelegationRefused("not_yours", "You do not own a critical project of this name.")
        named = Account.objects.named(username).first()
        if named is None:
            raise DelegationRefused(
                "unknown_maintainer",
                f"There is no account {username} on the roster. Ask them for their name on the index.",
            )
        _refuse_who_cannot_be_named(named, delegated_by, found)
        slot = _free_slot(found)
        made = Delegation.objects.create(
            project=found, account=named, delegated_by=delegated_by, slot=slot, created_at=now
        )
        for account in (named, delegated_by):
            record_event(
                account.pk,
                "delegated",
                actor=actor,
                now=now,
                delegation=made.pk,
                project=found.normalized_name,
                named=named.username,
                by=delegated_by.username,
            )
    return made


def _refuse_who_cannot_be_named(named: Account, by: Account, project: Project) -> None:
    if named.pk == by.pk:
        raise DelegationRefused("yourself", "You cannot name yourself; name the people behind the account.")
    if named.is_organization:
        raise DelegationRefused("organization", f"{named.username} is an organisation. Name people.")
    if ProjectRole.objects.live().filter(account=named, project=project).exists():
        raise DelegationRefused(
            "has_a_role", f"{named.username} has a role on {project.name} already and needs no naming."
        )
    if Delegation.objects.live().filter(account=named, project=project).exists():
        raise DelegationRefused("named_already", f"{named.username} is named for {project.name} already.")


def _free_slot(project: Project) -> int:
    taken = set(Delegation.objects.live().filter(project=project).values_list("slot", flat=True))
    free = [slot for slot in range(1, DELEGATES_PER_PROJECT + 1) if slot not in taken]
    if not free:
        raise DelegationRefused(
            "cap_reached",
            f"{project.name} has named {DELEGATES_PER_PROJECT} people, as many as a project may. "
            "Take one back to name another.",
        )
    return free[0]


def end_delegation(
    *, delegation_id: int, actor: str, now: datetime, spoken_by: Account | None = None
) -> Delegation:
    """End a delegation and free its slot.

    Args:   spoken_by: the account that ends it: the one that named, the one named, or one that may speak for
            the project; None for staff.
    Raises: UnknownRecord: not live, or not theirs to end.
    """
    with transaction.atomic():
        live = Delegation.objects.live().select_related("project").select_for_update(of=("self",))
        found = live.filter(pk=delegation_id).first()
        if found is None or not _may_end(spoken_by, found):
            raise UnknownRecord("delegation of yours")
        found.ended_at, found.ended_by = now, actor
        found.save(update_fields=["ended_at", "ended_by"])
        for account in (found.account_id, found.delegated_by_id):
            record_event(
                account,
                "delegation_ended",
                actor=actor,
                now=now,
                delegation=found.pk,
                project=found.project.normalized_name,
            )
    return found


def _may_end(account: Account | None, delegation: Delegation) -> bool:
    if account is None or account.pk in (delegation.account_id, delegation.delegated_by_id):
        return True
    return may_delegate(account, delegation.project)
