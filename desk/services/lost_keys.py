"""Removal of lost security keys from a staff sign-in, by two other members of staff."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from common.errors import KeydeskError
from config.models import User
from desk.audit import recording
from desk.models import LostKey


class LostKeyRefused(KeydeskError):
    """A report of lost keys, or its approval, was refused."""

    code = "lost_key_refused"


def report_lost_key(*, user: User, reason: str, by: User, now: datetime) -> LostKey:
    """Report that a person lost their keys, and how they were identified. Changes nothing yet.

    Raises: LostKeyRefused: the actor's own keys, not staff, no identification, or already reported.
    """
    if by.pk == user.pk:
        raise LostKeyRefused("You cannot report your own keys. Ask another administrator.")
    if not user.is_staff:
        raise LostKeyRefused("Only staff use security keys here. This is a maintainer's sign-in.")
    if not reason.strip():
        raise LostKeyRefused(
            "Enter how you confirmed their identity, for example that you met or called them back."
        )
    try:
        with transaction.atomic():
            lost = LostKey.objects.create(
                user=user, reason=reason.strip()[:300], reported_by=by, reported_at=now
            )
            _record("lost_key_reported", lost, by=by, now=now)
    except IntegrityError:
        raise LostKeyRefused(
            "Their keys have already been reported. Another administrator must confirm."
        ) from None
    return lost


def settle_lost_key(*, lost_id: int, takes_off: bool, by: User, now: datetime) -> LostKey:
    """Approve a report: remove all keys and end all sessions; or refuse it and change nothing.

    After approval the person signs in with a code and must add a new key before the desk opens.
    Locks:  the report's row, so that only one of two approvals takes effect.
    Raises: LostKeyRefused: no open report, or the actor reported it or is the person.
    """
    with transaction.atomic():
        waiting = LostKey.objects.select_for_update(of=("self",)).select_related("user")
        lost = waiting.filter(pk=lost_id, settled_at=None).first()
        if lost is None:
            raise LostKeyRefused("This report has already been dealt with.")
        if by.pk in (lost.user_id, lost.reported_by_id):
            raise LostKeyRefused("You cannot confirm this report. Ask another administrator.")
        lost.keys_taken_off = _shut_out(lost.user) if takes_off else None
        lost.settled_by, lost.settled_at = by, now
        lost.save(update_fields=["keys_taken_off", "settled_by", "settled_at"])
        _record("keys_taken_off" if takes_off else "lost_key_refused", lost, by=by, now=now)
    return lost


def _shut_out(user: User) -> int:
    """Remove all keys and end all sessions, so that a finder of the laptop cannot add a key."""
    _, deleted = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN).delete()
    # Sessions contain a hash of the password; a new unusable password ends them all.
    user.set_unusable_password()
    user.save(update_fields=["password"])
    return int(deleted.get(Authenticator._meta.label, 0))


def _record(action: str, lost: LostKey, *, by: User, now: datetime) -> None:
    recording.record_action(
        actor=f"staff:{by.get_username()}",
        action=action,
        subject_kind="staff",
        subject=lost.user.get_username(),
        reason=lost.reason,
        before={"reported_by": f"staff:{lost.reported_by.get_username()}"},
        after={} if lost.keys_taken_off is None else {"keys_taken_off": lost.keys_taken_off},
        now=now,
    )
