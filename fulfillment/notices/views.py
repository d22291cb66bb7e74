"""Where the mail provider's reports come in, after django-anymail has verified them.

The one place where a Django signal is listened to: it is how django-anymail hands over what it was told.
"""

from typing import Any

from anymail.signals import EventType, tracking

from common import clock
from fulfillment.notices.bounces import record_bounce

# The provider gave up, or the person called it spam. A deferral is only late, and is no news.
REPORTED = frozenset({EventType.BOUNCED, EventType.REJECTED, EventType.COMPLAINED})


def listen_for_bounces() -> None:
    tracking.connect(_reported, dispatch_uid="notices.bounces")


def _reported(sender: Any, event: Any, esp_name: str, **ignored: Any) -> None:
    if event.event_type in REPORTED and event.message_id:
        record_bounce(
            provider_id=event.message_id,
            kind=event.event_type,
            event_id=event.event_id or event.message_id,
            now=clock.now(),
        )
