"""Audit entries for staff sign-ins.

The sign-in library has no hook for us, so this listens to its signal.
"""

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest

from common import clock
from config.models import User
from desk.audit import recording


def record_sign_ins() -> None:
    """Connect the handlers that record sign-ins and sign-outs of staff."""
    user_logged_in.connect(_signed_in, dispatch_uid="desk.sign_ins.in")
    user_logged_out.connect(_signed_out, dispatch_uid="desk.sign_ins.out")


def _signed_in(*, user: User, request: HttpRequest | None, **_: object) -> None:
    _record("signed_in", user)


def _signed_out(*, user: User | None, request: HttpRequest | None, **_: object) -> None:
    _record("signed_out", user)


def _record(action: str, user: User | None) -> None:
    if user is None or not user.is_staff:
        return
    name = user.get_username()
    recording.record_action(
        actor=f"staff:{name}", action=action, subject_kind="staff", subject=name, now=clock.now()
    )
