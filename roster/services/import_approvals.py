"""Approval of imported lists that would shrink the roster too much."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from roster.errors import SecondPersonNeeded, UnknownRecord
from roster.files.source import SourceFile
from roster.models import HeldList

# Losing up to this many rows is always allowed: in a small roster single people are a large share.
ALWAYS_ALLOWED = 10


def hold_list(
    *, kind: str, source: SourceFile, rows: int, rows_before: int, kept: int, actor: str, now: datetime
) -> HeldList | None:
    """Hold a list that would remove more than the allowed share; None when it may be imported.

    An approved list is imported once. Runs in the transaction of the import.

    Args: rows: in the list; rows_before: on the roster now; kept: of those, how many the list keeps.
    """
    lost = rows_before - kept
    if lost <= max(ALWAYS_ALLOWED, rows_before * settings.ROSTER_MOST_SHRINK_PERCENT / 100):
        return None
    approved = HeldList.objects.filter(
        kind=kind, sha256=source.sha256, approved_at__isnull=False, used_at=None
    )
    if approved.update(used_at=now):
        return None
    held, _ = HeldList.objects.get_or_create(
        kind=kind,
        sha256=source.sha256,
        used_at=None,
        defaults={
            "source": source.name,
            "rows": rows,
            "rows_before": rows_before,
            "held_at": now,
            "held_by": actor,
        },
    )
    return held


def approve_list(*, sha256: str, note: str, actor: str, now: datetime) -> HeldList:
    """Approve a held list for its next import.

    Args:   sha256: the digest from the import's message, or at least its first twelve characters.
    Raises: UnknownRecord: no list of this digest is held. SecondPersonNeeded: the actor imported it.
    """
    with transaction.atomic():
        waiting = HeldList.objects.select_for_update().filter(approved_at=None)
        found = list(waiting.filter(sha256__startswith=sha256)[:2]) if len(sha256) >= 12 else []
        if len(found) != 1:
            raise UnknownRecord("held list of this digest")
        held = found[0]
        if actor == held.held_by:
            raise SecondPersonNeeded("a list that shrinks the roster")
        held.approved_at, held.approved_by, held.approval_note = now, actor, note[:255]
        held.save(update_fields=["approved_at", "approved_by", "approval_note"])
    return held
