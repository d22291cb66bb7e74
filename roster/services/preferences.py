"""Maintainers' own settings: disclaimed roles, contact, participation, country and time zone."""

from datetime import datetime
from zoneinfo import available_timezones

from django.db import transaction

from common.errors import BadRequest, FieldError
from roster.errors import UnknownRecord
from roster.models import Account, Disclaimer, ProjectRole
from roster.rules import COUNTRIES
from roster.services.events import record_event


def disclaim_role(
    *, account: Account, project_id: int, kind: Disclaimer.Kind, actor: str, now: datetime
) -> Disclaimer:
    """Disclaim a role that is not, or no longer, one's own: it stops counting, and nothing else changes.

    Disclaiming it again changes nothing.
    Raises: UnknownRecord: the account has no live role on this project.
    """
    with transaction.atomic():
        locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        if not ProjectRole.objects.live().filter(account=locked, project_id=project_id).exists():
            raise UnknownRecord("role of yours on this project")
        said, is_new = Disclaimer.objects.live().get_or_create(
            account=locked,
            project_id=project_id,
            defaults={"kind": kind, "said_at": now, "withdrawn_at": None},
        )
        if is_new:
            record_event(locked.pk, f"disclaimed_{kind}", actor=actor, now=now, project=project_id)
    return said


def take_back_disclaimer(*, account: Account, project_id: int, actor: str, now: datetime) -> None:
    """Let the role count again. Raises: UnknownRecord: no disclaimer to take back."""
    with transaction.atomic():
        said = Disclaimer.objects.live().filter(account=account, project_id=project_id)
        if not said.update(withdrawn_at=now):
            raise UnknownRecord("disclaimer of yours for this project")
        record_event(account.pk, "disclaimer_taken_back", actor=actor, now=now, project=project_id)


def opt_out(*, account: Account, actor: str, now: datetime) -> None:
    """Leave the programme: no claim, no invitation. Opting out again changes nothing."""
    _set_once(account, "opted_out_at", "opted_out", actor=actor, now=now)


def opt_in(*, account: Account, actor: str, now: datetime) -> None:
    """Rejoin the programme."""
    _clear(account, "opted_out_at", "opted_in", actor=actor, now=now)


def do_not_contact(*, account: Account, actor: str, now: datetime) -> None:
    """Stop invitations. Emails about the person's own claims are still sent."""
    _set_once(account, "do_not_contact_since", "do_not_contact", actor=actor, now=now)


def allow_contact(*, account: Account, actor: str, now: datetime) -> None:
    _clear(account, "do_not_contact_since", "contact_allowed", actor=actor, now=now)


def set_location(*, account: Account, country: str, time_zone: str, actor: str, now: datetime) -> None:
    """Set a person's country, used by the rules, and time zone, used for the hours of emails.

    Raises: BadRequest: unknown country or time zone. Either may be empty.
    """
    problems = []
    if country and country not in COUNTRIES:
        problems.append(FieldError("country", "unknown_country", "Choose a country from the list."))
    if time_zone and time_zone not in available_timezones():
        problems.append(
            FieldError("time_zone", "unknown_time_zone", "Choose a time zone like Europe/Berlin.")
        )
    if problems:
        raise BadRequest(problems)
    with transaction.atomic():
        Account.objects.filter(pk=account.pk).update(country=country, time_zone=time_zone)
        record_event(account.pk, "said_where", actor=actor, now=now)


def _set_once(account: Account, field: str, event: str, *, actor: str, now: datetime) -> None:
    with transaction.atomic():
        if Account.objects.filter(pk=account.pk, **{field: None}).update(**{field: now}):
            record_event(account.pk, event, actor=actor, now=now)


def _clear(account: Account, field: str, event: str, *, actor: str, now: datetime) -> None:
    with transaction.atomic():
        if Account.objects.filter(pk=account.pk).exclude(**{field: None}).update(**{field: None}):
            record_event(account.pk, event, actor=actor, now=now)
