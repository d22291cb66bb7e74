"""I12, the vendor-neutral part: what came in at the door was worked."""

from collections.abc import Iterable
from datetime import timedelta

from common import clock
from common.invariants import Check, Violation
from fulfillment.models import Webhook

# The retries of a job and the sweep after them leave nothing waiting that long.
WORKED_WITHIN = timedelta(hours=1)


def webhooks_are_worked() -> tuple[int, Iterable[Violation]]:
    """Every webhook stored more than an hour ago has its outcome."""
    waiting = Webhook.objects.unworked().filter(received_at__lt=clock.now() - WORKED_WITHIN)
    return Webhook.objects.count(), [
        Violation("I12", f"{provider} {kind} was stored over an hour ago and never worked", [event_id])
        for provider, kind, event_id in waiting.values_list("provider", "kind", "event_id")
    ]


CHECKS = [Check("I12", "every stored webhook is worked", webhooks_are_worked)]
