"""What the mail provider reports back: bounces, rejections, complaints."""

from datetime import datetime

from django.db import transaction

from fulfillment.notices.models import Bounce, Notice
from fulfillment.notices.recipients import mark_unreachable


@transaction.atomic
def record_bounce(*, provider_id: str, kind: str, event_id: str, now: datetime) -> bool:
    """Note that a mail came back, once however often it is reported; whether that is news.

    The address is marked, and nothing more is mailed there; the claimant sees it on their pages.
    """
    notice = Notice.objects.select_related("account").filter(provider_id=provider_id).first()
    if notice is None:
        return False
    _, is_news = Bounce.objects.get_or_create(
        notice=notice, kind=kind, event_id=event_id[:200], defaults={"reported_at": now}
    )
    if not is_news:
        return False
    mark_unreachable(account_id=notice.account_id, email=notice.account.email, now=now)
    return True
