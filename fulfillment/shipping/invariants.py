"""I5: one label a parcel, whatever crashed when. I12: parcels are where the newest counted word puts them.

The database refuses most of this already; looking again finds what went round it.
"""

from collections.abc import Iterable

from django.db.models import Count, Q

from config.invariants import Check, Violation
from fulfillment.models import WebhookOutcome
from fulfillment.shipping.models import LabelPurchase, Shipment, TrackingUpdate
from fulfillment.shipping.rules.states import DEAD_PURCHASE_STATES, LABEL_STATES, ShipmentState
from fulfillment.shipping.rules.tracking import read_status

Found = tuple[int, Iterable[Violation]]

_UNLABELLED = sorted({ShipmentState.PLANNED, ShipmentState.CANCELLED})


def one_live_purchase() -> Found:
    """A parcel has at most one purchase that is not dead."""
    live = Count("purchases", filter=~Q(purchases__state__in=sorted(DEAD_PURCHASE_STATES)))
    several = Shipment.objects.annotate(live=live).filter(live__gt=1)
    return Shipment.objects.count(), [
        Violation("I5", f"a parcel has {count} live purchases", [code])
        for code, count in several.values_list("code", "live")
    ]


def labels_are_known() -> Found:
    """What was bought has its label, tracking code and cost."""
    bought = LabelPurchase.objects.filter(state__in=sorted(LABEL_STATES))
    bare = bought.filter(Q(label_id="") | Q(tracking_code="") | Q(cost_cents__isnull=True))
    return bought.count(), [
        Violation("I5", "a bought label has no id, tracking code or cost", [str(pk)])
        for pk in bare.values_list("pk", flat=True)
    ]


def labelled_parcels_have_their_label() -> Found:
    """A parcel that left the planning table has exactly one bought label; one still on it has none."""
    labels = Count("purchases", filter=Q(purchases__state__in=sorted(LABEL_STATES)))
    parcels = Shipment.objects.annotate(labels=labels)
    unlabelled = parcels.exclude(state__in=_UNLABELLED).exclude(labels=1)
    overlabelled = parcels.filter(state__in=_UNLABELLED, labels__gt=0)
    return Shipment.objects.count(), [
        Violation("I5", f"a {state} parcel has {count} bought labels", [code])
        for code, state, count in (unlabelled | overlabelled).values_list("code", "state", "labels")
    ]


def parcels_are_where_tracking_says() -> Found:
    """The newest counted word that places a parcel is the state it shows."""
    placed: dict[int, str] = {}
    words = TrackingUpdate.objects.filter(is_applied=True).order_by("said_at", "pk")
    rows = words.values_list("purchase__shipment_id", "status", "status_detail")
    for shipment_id, status, detail in rows.iterator(chunk_size=5000):
        if (state := read_status(status, detail).state) is not None:
            placed[shipment_id] = state
    # What is back with us was scanned in at our own door, whatever the carrier still says.
    parcels = Shipment.objects.exclude(state__in=[*_UNLABELLED, ShipmentState.BACK])
    parcels = parcels.values_list("pk", "code", "state")
    return len(parcels), [
        Violation("I12", f"a parcel is {state}, but the carrier's last word makes it {expected}", [code])
        for pk, code, state in parcels
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


CHECKS = [
    Check("I5", "one live purchase a parcel", one_live_purchase),
    Check("I5", "bought labels are known", labels_are_known),
    Check("I5", "labelled parcels have their label", labelled_parcels_have_their_label),
    Check("I12", "parcels are where tracking says", parcels_are_where_tracking_says),
    Check("I12", "webhooks have one effect", webhooks_have_one_effect),
]
