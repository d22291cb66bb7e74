"""Appointment of staff to roles."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from common.errors import KeydeskError
from config.models import User
from desk.audit import recording
from desk.models import Appointment
from desk.roles import Role


class NotAppointed(KeydeskError):
    """An appointment or its end was refused."""

    code = "not_appointed"


def add_staff(*, username: str, email: str) -> User:
    """Create a staff account, which signs in with a code by email and a security key.

    Raises: NotAppointed: an invalid address, or the name or address is taken.
    """
    try:
        validate_email(email)
    except ValidationError:
        raise NotAppointed("Enter a valid email address.") from None
    if User.objects.filter(Q(username=username) | Q(email__iexact=email)).exists():
        raise NotAppointed("A sign-in with this name or address already exists. Leave the address out.")
    user = User(username=username, email=email, is_staff=True)
    user.set_unusable_password()
    user.save()
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user


def appoint(*, user: User, role: Role, by: User | None, now: datetime) -> None:
    """Give a person a role.

    Args:   by: None when a command on the server does it.
    Raises: NotAppointed: the actor's own account, a role they already have, or not staff.
    """
    if by is not None and by.pk == user.pk:
        raise NotAppointed("You cannot give yourself a role. Ask another administrator.")
    if not user.is_staff:
        raise NotAppointed("Only staff can have roles. This is a maintainer's sign-in.")
    try:
        with transaction.atomic():
            Appointment.objects.create(user=user, role=role, appointed_at=now, appointed_by=by)
            _record("appointed", user, role, by=by, now=now)
    except IntegrityError:
        raise NotAppointed(f"They are {role.label} already.") from None


def end_appointment(*, user: User, role: Role, by: User | None, now: datetime) -> None:
    """End a person's role.

    Raises: NotAppointed: the actor's own account, or a role they do not have.
    """
    if by is not None and by.pk == user.pk:
        raise NotAppointed("You cannot end your own role. Ask another administrator.")
    with transaction.atomic():
        live = Appointment.objects.live().filter(user=user, role=role)
        if not live.update(ended_at=now, ended_by=by):
            raise NotAppointed(f"They are not {role.label}.")
        _record("appointment_ended", user, role, by=by, now=now)


def _record(action: str, user: User, role: Role, *, by: User | None, now: datetime) -> None:
    recording.record_action(
        actor=f"staff:{by.get_username()}" if by else "system:command",
        action=action,
        subject_kind="staff",
        subject=user.get_username(),
        after={"role": role.value},
        now=now,
    )
