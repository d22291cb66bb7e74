"""I10: no shipment is overdue without a case. I12: a shipment's state matches its newest tracking update.

The database enforces most of this; the checks find what bypassed it.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, F, Max

from common.invariants import Check, Violation
from fulfillment.cases.models import Case
from fulfillment.cases.rules.playbooks import CaseOutcome
from fulfillment.cases.rules.reasons import CaseKind
from fulfillment.claims.models import Claim
from fulfillment.models import WebhookOutcome
from fulfillment.shipments.models import Shipment, TrackingUpdate
from fulfillment.shipments.rules.states import (
    ShipmentState,
)
from fulfillment.shipments.rules.tracking import placed_by
from fulfillment.tracking.rules.overdue import GRACE
from fulfillment.tracking.services.overdue import overdue_claims, overdue_parcels

Found = tuple[int, Iterable[Violation]]

_UNLABELLED = sorted({ShipmentState.PLANNED, ShipmentState.CANCELLED})


def parcels_are_where_tracking_says() -> Found:
    """A parcel's state is the one implied by its newest applied tracking update."""
    placed: dict[int, str] = {}
    updates = TrackingUpdate.objects.filter(is_applied=True).order_by("said_at", "pk")
    rows = updates.values_list("purchase__shipment_id", "status", "status_detail", "purchase__is_return")
    for shipment_id, status, detail, is_return in rows.iterator(chunk_size=5000):
        if (state := placed_by(status, detail, is_return=is_return)) is not None:
            placed[shipment_id] = state
    # Exceptions: parcels scanned in at our warehouse, whatever the carrier reports afterwards, and parcels
    # that a person wrote off as lost.
    parcels = Shipment.objects.exclude(state__in=[*_UNLABELLED, ShipmentState.BACK]).exclude(
        state=ShipmentState.LOST, cases__outcome=CaseOutcome.WRITTEN_OFF
    )
    places = list(parcels.values_list("pk", "code", "state"))
    return len(places), [
        Violation("I12", f"a parcel is {state}, but by the carrier's last status it is {expected}", [code])
        for pk, code, state in places
        if (expected := placed.get(pk, ShipmentState.LABELLED)) != state
    ]


def webhooks_have_one_effect() -> Found:
    """A webhook that changed a parcel has one tracking update, and every update has an outcome."""
    twice = (
        TrackingUpdate.objects.filter(webhook__isnull=False)
        .values("webhook__event_id")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
    )
    lost = TrackingUpdate.objects.filter(webhook__isnull=False, webhook__outcome__isnull=True)
    found = [
        Violation("I12", f"an event took effect {row['times']} times", [row["webhook__event_id"]])
        for row in twice
    ]
    found += [
        Violation("I12", "an event took effect and has no outcome", [event_id])
        for event_id in lost.values_list("webhook__event_id", flat=True)
    ]
    return WebhookOutcome.objects.count(), found


def nothing_is_silent() -> Found:
    """Every overdue parcel, and every accepted claim without a parcel, has an open case.

    Measured at the time of the last event: if an installation is stopped, the health checks report that.
    """
    now = _last_event_at()
    if now is None:
        return 0, []
    found = [
        Violation("I10", f"a parcel is {detail}, and there is no open case", [shipment.code])
        for shipment, detail in overdue_parcels(now=now, grace=GRACE)
    ]
    found += [
        Violation("I10", "an accepted claim has no parcel and no open case", [code])
        for code in overdue_claims(now=now, grace=GRACE).values_list("code", flat=True)
    ]
    return Shipment.objects.count(), found


def _last_event_at() -> datetime | None:
    moments = [
        Claim.objects.aggregate(last=Max("updated_at"))["last"],
        Shipment.objects.aggregate(last=Max("updated_at"))["last"],
        TrackingUpdate.objects.aggregate(last=Max("recorded_at"))["last"],
    ]
    return max(filter(None, moments), default=None)


def open_cases_have_their_time() -> Found:
    """A case is due after it was opened, and a closed one names who closed it."""
    ended = Case.objects.filter(closed_at__isnull=False, closed_by="").exclude(entries=None)
    # Payment cases are excluded: a dispute may become known after its evidence was due.
    shipments = Case.objects.open().of_kind(CaseKind.SHIPMENT)
    late = shipments.filter(due_at__lt=F("opened_at"))
    return Case.objects.count(), [
        Violation("I10", "a case was closed without a name, or was due before it was opened", [code])
        for code in (ended | late).values_list("code", flat=True).distinct()
    ]


CHECKS = [
    Check("I10", "overdue parcels have cases", nothing_is_silent),
    Check("I10", "cases have due times", open_cases_have_their_time),
    Check("I12", "parcels match their tracking", parcels_are_where_tracking_says),
    Check("I12", "webhooks have one effect", webhooks_have_one_effect),
]
