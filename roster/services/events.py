"""Audit log of accounts: declarations and decisions."""

from datetime import datetime

from roster.models import AccountEvent


def record_event(account_id: int, name: str, *, actor: str, now: datetime, **data: object) -> None:
    """Append one event, in the transaction of the change it records.

    Args: data: ids, rules and project names; never an address or free text.
    """
    AccountEvent.objects.create(account_id=account_id, name=name, actor=actor, at=now, data=data)
