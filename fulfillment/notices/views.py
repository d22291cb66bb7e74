"""Receive the email provider's reports, after django-anymail has verified them.

The only receiver of a Django signal here, because django-anymail delivers reports only by signal.
"""

from anymail.signals import AnymailTrackingEvent, EventType, tracking

from common import clock
from fulfillment.notices.bounces import record_bounce

# The provider gave up, or the recipient called it spam. A deferral is only a delay.
REPORTED = frozenset({EventType.BOUNCED, EventType.REJECTED, EventType.COMPLAINED})


def listen_for_bounces() -> None:
    tracking.connect(_reported, dispatch_uid="notices.bounces")


def _reported(sender: object, event: AnymailTrackingEvent, esp_name: str, **ignored: object) -> None:
    if event.event_type in REPORTED and event.message_id:
        record_bounce(
            provider_id=event.message_id,
            kind=event.event_type,
            event_id=event.event_id or event.message_id,
            now=clock.now(),
        )
