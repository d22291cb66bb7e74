"""Check that the vendor still sends webhooks; enable them again and catch up if it stopped (case 13)."""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from fulfillment.postage.services import label_refunds
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.carrier_values import WebhookState
from fulfillment.shipments.models import VendorFinding
from fulfillment.tracking.services import carrier_events

logger = logging.getLogger("keydesk.shipping")

WEBHOOK_ENDPOINT = "webhook_endpoint"
_SAID = {
    WebhookState.ENABLED: "The vendor sends its events.",
    WebhookState.DISABLED: "The vendor had stopped sending events; the webhook was enabled again.",
    WebhookState.MISSING: "The vendor has no webhook for this site; register it (docs/runbook.md).",
}


def webhook_url() -> str:
    """The URL to which the vendor sends its events."""
    return f"{settings.ENVIRONMENT.site_url}/api/v1/webhooks/easypost"


def watch_webhooks(*, gateway: CarrierGateway, now: datetime) -> WebhookState:
    """Check the vendor's webhook; if it was disabled, enable it again and catch up on missed events.

    Events are retried for one day and then lost, so after an outage every open tracker and refund is
    retrieved.

    Raises: GatewayError: the vendor could not be reached.
    """
    url = webhook_url()
    state = gateway.webhook_state(url)
    if state is not WebhookState.ENABLED:
        logger.error("webhook endpoint: %s", _SAID[state])
    if state is WebhookState.DISABLED:
        gateway.ensure_webhook(url, settings.ENVIRONMENT.easypost_webhook_secrets[0].get_secret_value())
        catch_up(gateway=gateway, now=now)
    VendorFinding.objects.update_or_create(
        name=WEBHOOK_ENDPOINT,
        defaults={"is_well": state is WebhookState.ENABLED, "finding": _SAID[state], "checked_at": now},
    )
    return state


def catch_up(*, gateway: CarrierGateway, now: datetime) -> int:
    """Ask the vendor about all parcels and refunds in progress; return how many parcels."""
    try:
        asked = carrier_events.ask_silent_trackers(gateway=gateway, now=now, silent_for=timedelta(0))
        label_refunds.check_refunds(gateway=gateway, now=now)
    except GatewayError as error:
        logger.warning("catching up: %s", error.code)
        return 0
    return asked
