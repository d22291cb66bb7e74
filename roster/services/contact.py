"""Whether a maintainer wants to hear from us and take part at all."""

from datetime import datetime

from roster.models import Account


def do_not_contact(*, account_id: int, wanted: bool, now: datetime) -> bool:
    """Leave somebody out of the programme, or take them back in; whether that changed anything.

    Who is left out gets no invitation and cannot claim until they take it back (`not_opted_out`). A claim
    they have goes on.
    """
    accounts = Account.objects.filter(pk=account_id, opted_out_at__isnull=wanted)
    return bool(accounts.update(opted_out_at=now if wanted else None))
