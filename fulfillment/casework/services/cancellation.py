"""Stop what is begun of a claim that is held back: no label is bought, and a bought one goes back unused.

The parcel comes off its manifest and stays here. Once the label is refunded its keys are reserved again, and
the claim waits without a label for what becomes of the hold. What the carrier has is the carrier's.
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
from fulfillment.shipments.services.split_shipments import give_up_sibling_label

# From these a parcel can still be taken; a form that is being made names it already.
_OPEN_MANIFESTS = (ManifestState.PLANNED, ManifestState.READY)


def stop_parcels(*, claim_id: int, gateway: CarrierGateway, now: datetime) -> int:
    """Stop the parcels of a claim that is held back; for how many labels the money is asked back.

    Repeatable: what could not be stopped yet (its form is being made, or whether it was bought is not known)
    is stopped by a later call, which the sweep asks for.

    Locks:  the claim's row, then the manifests', then the parcels'; none while the vendor is asked.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).get(pk=claim_id)
        if claim.held_at is None:
            return 0
        _take_off_manifests(claim)
        _retire_unbought(claim, now=now)
        labels = list(_to_give_back(claim_id).values_list("pk", flat=True))
    return sum(_give_back(purchase_id, gateway=gateway, now=now) for purchase_id in labels)


def _take_off_manifests(claim: Claim) -> None:
    """The manifest's row first, as whoever hands it over does: either they are done, or they see it gone."""
    theirs = Manifest.objects.filter(shipments__claim=claim, state__in=_OPEN_MANIFESTS).values("pk")
    open_ones = Manifest.objects.filter(pk__in=theirs).order_by("pk").select_for_update(no_key=True)
    for manifest in list(open_ones):
        if manifest.state not in _OPEN_MANIFESTS:
            continue
        manifest.shipments.filter(claim=claim).update(manifest=None)
        if manifest.state == ManifestState.READY and not manifest.shipments.exists():
            Manifest.objects.filter(pk=manifest.pk).update(state=ManifestState.FAILED, last_error="EMPTY")


def _retire_unbought(claim: Claim, *, now: datetime) -> None:
    """Purchases of which nothing was asked that could have cost money are not made."""
    unbought = LabelPurchase.objects.outbound().filter(
        shipment__claim=claim, state__in=sorted(UNBOUGHT_STATES)
    )
    for purchase in list(unbought.select_related("shipment").order_by("pk")):
        mine = LabelPurchase.objects.filter(pk=purchase.pk, state__in=sorted(UNBOUGHT_STATES))
        if mine.update(state=PurchaseState.RETIRED, lease_owner="", lease_until=None):
            give_up_sibling_label(claim, purchase.shipment, now=now)


def _to_give_back(claim_id: int) -> QuerySet[LabelPurchase]:
    return LabelPurchase.objects.filter(
        shipment__claim=claim_id,
        state=PurchaseState.BOUGHT,
        # A label that was given back in vain before is a loss, and has its case.
        refund_attempts=0,
        shipment__state=ShipmentState.LABELLED,
        shipment__manifest=None,
        shipment__handed_over_at=None,
    ).order_by("pk")


def _give_back(purchase_id: UUID, *, gateway: CarrierGateway, now: datetime) -> bool:
    try:
        request_refund(purchase_id=purchase_id, gateway=gateway, now=now)
    except LabelNotRefundable:
        return False
    except GatewayError as error:
        # It is on record that it is to be asked, and `check_refunds` asks.
        purchase_transitions.logger.warning("refund of held purchase %s: %s", purchase_id, error.code)
    return True
