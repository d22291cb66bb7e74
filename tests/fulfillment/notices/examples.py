"""One notice of every kind, queued as its sender does."""

from datetime import datetime

from fulfillment.notices.examples import CODE, CONTEXTS
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_code, queue_notice

__all__ = ["CODE", "CONTEXTS", "queue_example"]


def queue_example(template: Notice.Template, *, account_id: int, claim_code: str, now: datetime) -> None:
    if template == Notice.Template.CODE:
        queue_code(account_id=account_id, code=CODE, now=now)
        return
    queue_notice(
        account_id=account_id, template=template, claim_code=claim_code, context=CONTEXTS[template], now=now
    )
