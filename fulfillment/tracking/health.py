"""Health checks of shipping for /readyz, and numbers for /metrics.

No check calls the vendor. A failing check is reported but does not take the site out of service.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count

from config.health import HealthCheck, Sample
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseKind
from fulfillment.models import Provider
from fulfillment.shipments.models import BuyingPause, LabelPurchase, StrayLabel, TrackingUpdate, VendorFinding
from fulfillment.shipments.rules.pauses import PauseReason
from fulfillment.tracking.services.webhook_monitor import WEBHOOK_ENDPOINT
from fulfillment.webhook_backlog import waiting_webhooks

# Webhooks are processed within seconds; a job every minute picks up those that were missed.
EVENT_AGE = timedelta(minutes=15)
# The endpoint is checked every hour.
FINDING_AGE = timedelta(hours=3)
# How many of the newest updates are used to measure the lag.
RECENT = 200


def _buying(now: datetime) -> tuple[bool, str]:
    pauses = BuyingPause.objects.exclude(reason=PauseReason.RATE_LIMIT).order_by("since")
    for pause in pauses:
        return False, f"Paused since {pause.since:%Y-%m-%d %H:%M} UTC: {PauseReason(pause.reason).label}."
    return True, "Labels are bought."


def _endpoint(now: datetime) -> tuple[bool, str]:
    last = VendorFinding.objects.filter(name=WEBHOOK_ENDPOINT).first()
    if last is None or now - last.checked_at > FINDING_AGE:
        return False, "The vendor's webhook has not been checked recently."
    return last.is_well, last.finding


def _oldest_event(now: datetime) -> timedelta:
    oldest = (
        waiting_webhooks(now=now)
        .filter(provider=Provider.EASYPOST)
        .order_by("received_at")
        .values_list("received_at", flat=True)
        .first()
    )
    return now - oldest if oldest else timedelta(0)


def _events(now: datetime) -> tuple[bool, str]:
    age = _oldest_event(now)
    return age <= EVENT_AGE, f"The oldest unprocessed event is {age.total_seconds():.0f} s old."


def _unclaimed() -> int:
    return StrayLabel.objects.filter(settled_at__isnull=True).count()


def _strays(now: datetime) -> tuple[bool, str]:
    count = _unclaimed()
    return count == 0, f"{count} labels at the vendor belong to no parcel."


def tracker_lag() -> timedelta:
    """The longest delay between a tracking event and its arrival, among the newest updates."""
    recent = TrackingUpdate.objects.filter(webhook__isnull=False).order_by("-pk")[:RECENT]
    lags = [recorded - said for said, recorded in recent.values_list("said_at", "recorded_at")]
    return max(lags, default=timedelta(0))


CHECKS = [
    HealthCheck("buying_labels", _buying, is_needed=False),
    HealthCheck("webhook_endpoint", _endpoint, is_needed=False),
    HealthCheck("webhooks_worked", _events, is_needed=False),
    HealthCheck("unclaimed_labels", _strays, is_needed=False),
]


def metrics(now: datetime) -> Iterable[Sample]:
    """Counts and ages, without codes, names or places."""
    yield Sample("keydesk_oldest_event_seconds", _oldest_event(now).total_seconds())
    yield Sample("keydesk_tracker_lag_seconds", tracker_lag().total_seconds())
    yield Sample("keydesk_unclaimed_labels", _unclaimed())
    for pause in BuyingPause.objects.order_by("reason"):
        yield Sample("keydesk_buying_paused", 1, {"reason": pause.reason})
    states = LabelPurchase.objects.values_list("state").annotate(Count("pk")).order_by("state")
    for state, count in states:
        yield Sample("keydesk_label_purchases", count, {"state": state})
    open_cases = Case.objects.open().of_kind(CaseKind.SHIPMENT).values_list("reason").annotate(Count("pk"))
    for reason, count in open_cases.order_by("reason"):
        yield Sample("keydesk_open_cases", count, {"reason": reason})
