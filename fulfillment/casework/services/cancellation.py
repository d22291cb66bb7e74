"""Stop the parcels of a claim on hold: buy no label, and request refunds of unused ones.

The parcel is taken off its manifest and stays here. Once the label is refunded, its keys are reserved again,
and the claim waits without a label until the hold ends. Parcels that the carrier has are not affected.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from fulfillment.claims.models import Claim
from fulfillment.postage.services import purchase_transitions
from fulfillment.postage.services.label_refunds import request_refund
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.errors import LabelNotRefundable
from fulfillment.shipments.models import LabelPurchase, Manifest
from fulfillment.shipments.rules.manifests import ManifestState
from fulfillment.shipments.rules.states import UNBOUGHT_STATES, PurchaseState, ShipmentState
from fulfillment.shipments.services.split_shipments import release_split_label

# Manifest states from which a parcel can be removed. Not MAKING: the form being made lists the parcel.
_OPEN_MANIFESTS = (ManifestState.PLANNED, ManifestState.READY)


def stop_parcels(*, claim_id: int, gateway: CarrierGateway, now: datetime) -> int:
    """Stop the parcels of a claim on hold; return the number of labels whose refund was requested.

    Idempotent: a parcel that cannot be stopped yet (its form is being made, or the purchase outcome is
    unknown) is stopped by a later call, deferred by the job for stalled work.

    Locks:  the claim's row, then the manifests', then the parcels'; none during calls to the vendor.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=claim_id)
        if claim.held_at is None:
            return 0
        _take_off_manifests(claim)
        _retire_unbought(claim, now=now)
        labels = list(_labels_to_refund(claim_id).values_list("pk", flat=True))
    return sum(_refund_label(purchase_id, gateway=gateway, now=now) for purchase_id in labels)


def _take_off_manifests(claim: Claim) -> None:
    """Take the claim's parcels off open manifests. Locks each manifest, as `hand_over_manifest` does."""
    theirs = Manifest.objects.filter(shipments__claim=claim, state__in=_OPEN_MANIFESTS).values("pk")
    open_ones = Manifest.objects.filter(pk__in=theirs).order_by("pk").select_for_update(no_key=True)
    for manifest in list(open_ones):
        if manifest.state not in _OPEN_MANIFESTS:
            continue
        manifest.shipments.filter(claim=claim).update(manifest=None)
        if manifest.state == ManifestState.READY and not manifest.shipments.exists():
            Manifest.objects.filter(pk=manifest.pk).update(state=ManifestState.FAILED, last_error="EMPTY")


def _retire_unbought(claim: Claim, *, now: datetime) -> None:
    """Retire purchases for which no call that could cost money was made."""
    unbought = LabelPurchase.objects.outbound().filter(
        shipment__claim=claim, state__in=sorted(UNBOUGHT_STATES)
    )
    for purchase in list(unbought.select_related("shipment").order_by("pk")):
        mine = LabelPurchase.objects.filter(pk=purchase.pk, state__in=sorted(UNBOUGHT_STATES))
        if mine.update(state=PurchaseState.RETIRED, lease_owner="", lease_until=None):
            release_split_label(claim, purchase.shipment, now=now)


def _labels_to_refund(claim_id: int) -> QuerySet[LabelPurchase]:
    return LabelPurchase.objects.filter(
        shipment__claim=claim_id,
        state=PurchaseState.BOUGHT,
        # A label whose refund was refused before has a case and is not tried again.
        refund_attempts=0,
        shipment__state=ShipmentState.LABELLED,
        shipment__manifest=None,
        shipment__handed_over_at=None,
    ).order_by("pk")


def _refund_label(purchase_id: UUID, *, gateway: CarrierGateway, now: datetime) -> bool:
    try:
        request_refund(purchase_id=purchase_id, gateway=gateway, now=now)
    except LabelNotRefundable:
        return False
    except GatewayError as error:
        # The request is recorded; `check_refunds` repeats the call.
        purchase_transitions.logger.warning("refund of held purchase %s: %s", purchase_id, error.code)
    return True
