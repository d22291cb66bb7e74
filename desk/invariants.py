"""Invariants of the desk's own records."""

from django.db import connection

from common.invariants import Check, Violation
from desk.audit.chain import BROKEN_ENTRIES
from desk.models import AuditEntry


def _audit_chain_holds() -> tuple[int, list[Violation]]:
    with connection.cursor() as cursor:
        cursor.execute(BROKEN_ENTRIES)
        broken = [str(position) for (position,) in cursor.fetchall()]
    message = "audit entries were changed, removed or inserted by hand"
    return AuditEntry.objects.count(), [Violation("I7", message, broken)] if broken else []


CHECKS = [Check("I7", "the hash chain of audit entries is intact", _audit_chain_holds)]
