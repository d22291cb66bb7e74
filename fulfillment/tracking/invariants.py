"""I10: nothing is silent. I12: a shipment is in the state that its newest applied tracking update says.

The database refuses most of this already; looking again finds what went round it.
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
from fulfillment.tracking.services.overdue import silent_claims, silent_parcels

Found = tuple[int, Iterable[Violation]]

_UNLABELLED = sorted({ShipmentState.PLANNED, ShipmentState.CANCELLED})


def parcels_are_where_tracking_says() -> Found:
    """The newest counted word that places a parcel is the state it shows."""
    placed: dict[int, str] = {}
    words = TrackingUpdate.objects.filter(is_applied=True).order_by("said_at", "pk")
    rows = words.values_list("purchase__shipment_id", "status", "status_detail", "purchase__is_return")
    for shipment_id, status, detail, is_return in rows.iterator(chunk_size=5000):
        if (state := placed_by(status, detail, is_return=is_return)) is not None:
            placed[shipment_id] = state
    # What is back with us was scanned in at our own door, whatever the carrier still says; and what a person
    # wrote off is lost, though no carrier says so.
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
    """A webhook that changed a parcel has one tracking update, and no update is without its outcome."""
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
    """Every parcel under way moved within its time, or somebody has its case; no claim waits without one.

    As of the last thing that happened: an installation at which nothing happens any more is not silent but
    stopped, and the health checks say so.
    """
    now = _last_event_at()
    if now is None:
        return 0, []
    found = [
        Violation("I10", f"a parcel is {detail}, and there is no open case", [shipment.code])
        for shipment, detail in silent_parcels(now=now, grace=GRACE)
    ]
    found += [
        Violation("I10", "an accepted claim has no parcel and no open case", [code])
        for code in silent_claims(now=now, grace=GRACE).values_list("code", flat=True)
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
    """An open case says by when it must be worked, and a closed one how it ended and by whom."""
    ended = Case.objects.filter(closed_at__isnull=False, closed_by="").exclude(entries=None)
    # A dispute may be heard of after the day its evidence was due.
    shipments = Case.objects.open().of_kind(CaseKind.SHIPMENT)
    late = shipments.filter(due_at__lt=F("opened_at"))
    return Case.objects.count(), [
        Violation("I10", "a case was closed without a name, or was due before it was opened", [code])
        for code in (ended | late).values_list("code", flat=True).distinct()
    ]


CHECKS = [
    Check("I10", "nothing is silent", nothing_is_silent),
    Check("I10", "cases have their time", open_cases_have_their_time),
    Check("I12", "parcels match their tracking", parcels_are_where_tracking_says),
    Check("I12", "webhooks have one effect", webhooks_have_one_effect),
]
