"""I5: a parcel has one label, whatever crashed when.

The database refuses most violations; these checks find what bypassed it.
"""

from collections.abc import Iterable

from django.db.models import Count, Q

from common.invariants import Check, Violation
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import (
    DEAD_PURCHASE_STATES,
    LABEL_STATES,
    PurchaseState,
    ShipmentState,
)

Found = tuple[int, Iterable[Violation]]

_UNLABELLED = sorted({ShipmentState.PLANNED, ShipmentState.CANCELLED})


def one_live_purchase() -> Found:
    """A parcel has at most one purchase for each way, out and back, that is not dead."""
    live = LabelPurchase.objects.exclude(state__in=sorted(DEAD_PURCHASE_STATES))
    several = live.values_list("shipment__code", "is_return").annotate(live=Count("pk")).filter(live__gt=1)
    return Shipment.objects.count(), [
        Violation("I5", f"a parcel has {count} live purchases", [code])
        for code, _, count in several.order_by("shipment__code")
    ]


def labels_are_known() -> Found:
    """A bought label has its id, tracking code and cost."""
    bought = LabelPurchase.objects.filter(state__in=sorted(LABEL_STATES))
    bare = bought.filter(Q(label_id="") | Q(tracking_code="") | Q(cost_cents__isnull=True))
    return bought.count(), [
        Violation("I5", "a bought label has no id, tracking code or cost", [str(pk)])
        for pk in bare.values_list("pk", flat=True)
    ]


def labelled_parcels_have_their_label() -> Found:
    """A planned or cancelled parcel has no bought label; any other has exactly one."""
    bought = Q(purchases__state__in=sorted(LABEL_STATES), purchases__is_return=False)
    labels = Count("purchases", filter=bought)
    parcels = Shipment.objects.annotate(labels=labels)
    unlabelled = parcels.exclude(state__in=_UNLABELLED).exclude(labels=1)
    overlabelled = parcels.filter(state__in=_UNLABELLED, labels__gt=0)
    return Shipment.objects.count(), [
        Violation("I5", f"a {state} parcel has {count} bought labels", [code])
        for code, state, count in (unlabelled | overlabelled).values_list("code", "state", "labels")
    ]


def labels_given_back_stay_here() -> Found:
    """No parcel is on a manifest while a refund of its label is requested."""
    asked = LabelPurchase.objects.outbound().filter(state=PurchaseState.REFUND_REQUESTED)
    leaving = asked.filter(shipment__manifest__isnull=False)
    return asked.count(), [
        Violation("I5", "a parcel is on a manifest while a refund of its label is requested", [code])
        for code in leaving.values_list("shipment__code", flat=True)
    ]


CHECKS = [
    Check("I5", "one live purchase a parcel", one_live_purchase),
    Check("I5", "bought labels are known", labels_are_known),
    Check("I5", "labelled parcels have their label", labelled_parcels_have_their_label),
    Check("I5", "labels given back stay here", labels_given_back_stay_here),
]
