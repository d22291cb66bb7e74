"""Recording of staff actions."""

from collections.abc import Mapping
from datetime import datetime

from desk.models import AuditEntry


def record_action(
    *,
    actor: str,
    action: str,
    now: datetime,
    subject_kind: str = "",
    subject: str = "",
    reason: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Append an entry, in the transaction of the action.

    Args:  before, after: only what changed; never a postal address, phone number, email address or secret.
    Locks: the end of the chain until the transaction ends. Call it last, when every other lock is held.
    """
    AuditEntry.objects.create(
        at=now,
        actor=actor,
        action=action,
        subject_kind=subject_kind,
        subject=subject,
        reason=reason,
        before=before or {},
        after=after or {},
    )
