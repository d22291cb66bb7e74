"""Record bounces, rejections and complaints that the email provider reports."""

from datetime import datetime

from django.db import transaction

from fulfillment.notices.models import Bounce, Notice
from fulfillment.notices.recipients import mark_unreachable


@transaction.atomic
def record_bounce(*, provider_id: str, kind: str, event_id: str, now: datetime) -> bool:
    """Record that an email bounced, once even if it is reported again; return whether it is new.

    No more emails are sent to the address; the claimant's pages say so.
    """
    notice = Notice.objects.select_related("account").filter(provider_id=provider_id).first()
    if notice is None:
        return False
    _, is_new = Bounce.objects.get_or_create(
        notice=notice, kind=kind, event_id=event_id[:200], defaults={"reported_at": now}
    )
    if not is_new:
        return False
    mark_unreachable(account_id=notice.account_id, email=notice.account.email, now=now)
    return True
