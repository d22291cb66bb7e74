"""Circuit breaker: pause buying while the vendor refuses our account, without cases for parcels."""

import logging
from datetime import datetime

from django.db import transaction

from fulfillment.postage.rules.circuit_breaker import length, reason_to_pause
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.models import BuyingPause
from fulfillment.shipments.rules.pauses import PauseReason

logger = logging.getLogger("keydesk.shipping")


def paused_until(*, now: datetime) -> datetime | None:
    """When buying resumes; None when it is not paused."""
    return (
        BuyingPause.objects.filter(until__gt=now).order_by("-until").values_list("until", flat=True).first()
    )


def pause_for(error: GatewayError, *, now: datetime) -> bool:
    """Pause all buying if this refusal concerns our account; returns whether it does.

    Of many purchases refused at once, the first starts the pause.

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
    """End all pauses after a successful purchase or on request; returns how many."""
    return BuyingPause.objects.all().delete()[0]
