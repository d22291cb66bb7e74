"""Stop buying while the vendor refuses us, then go on: no parcel is at fault, so none has a case."""

import logging
from datetime import datetime

from django.db import transaction

from fulfillment.postage.rules.circuit_breaker import length, reason_to_pause
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.models import BuyingPause
from fulfillment.shipments.rules.pauses import PauseReason

logger = logging.getLogger("keydesk.shipping")


def paused_until(*, now: datetime) -> datetime | None:
    """When buying goes on; None when it is not paused."""
    return (
        BuyingPause.objects.filter(until__gt=now).order_by("-until").values_list("until", flat=True).first()
    )


def pause_for(error: GatewayError, *, now: datetime) -> bool:
    """Pause all buying if this refusal is about us; whether it was.

    Of many purchases refused at once the first makes the pause, and the others find it running.

    Locks: the reason's row.
    """
    reason = reason_to_pause(error.code, error.status)
    if reason is None:
        return False
    with transaction.atomic():
        pause, is_new = BuyingPause.objects.select_for_update(no_key=True).get_or_create(
            reason=reason,
            defaults={"since": now, "until": now + length(reason, 1), "code": error.code},
        )
        if not is_new and pause.until <= now:
            pause.times += 1
            pause.until, pause.code = now + length(reason, pause.times), error.code
            pause.save(update_fields=["times", "until", "code"])
    if is_new and reason is not PauseReason.RATE_LIMIT:
        logger.error("No labels are bought: %s (%s).", reason.label, error.code)
    return True


def end_pauses() -> int:
    """A purchase went through, or somebody says that it will: how many pauses that ended."""
    return BuyingPause.objects.all().delete()[0]
