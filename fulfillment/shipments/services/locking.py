"""Row locks for changes of a parcel: the claim's row first, then the parcel's."""

from django.db.models import QuerySet

from common.prepared_queries import prepared
from fulfillment.claims.models import Claim
from fulfillment.shipments.models import Shipment


def lock_claim(claim_id: int) -> Claim:
    """Lock and return the claim, until the transaction ends."""
    (claim,) = _claims(claim_id=claim_id)
    return claim


def lock_parcel(shipment_id: int) -> Shipment:
    """Lock and return the parcel, until the transaction ends. To lock both, lock the claim first."""
    (shipment,) = _shipments(shipment_id=shipment_id)
    return shipment


@prepared
def _claims(*, claim_id: int) -> QuerySet[Claim]:
    return Claim.objects.select_for_update(no_key=True).filter(pk=claim_id)


@prepared
def _shipments(*, shipment_id: int) -> QuerySet[Shipment]:
    return Shipment.objects.select_for_update(no_key=True).filter(pk=shipment_id)
