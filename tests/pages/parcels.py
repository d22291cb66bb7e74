"""Parcels of claims, as far along as a page needs them, without a carrier."""

from datetime import datetime

from fulfillment.claims.models import Claim
from fulfillment.claims.services.shipment_callbacks import (
    record_label_bought,
    record_shipped,
    start_label,
)
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState

TRACKING_CODE = "9400100000000000000000"
SEAL = "T-ABCD1234"


def sealed_and_sent(claim: Claim, *, now: datetime) -> Shipment:
    """The label is bought, the parcel sealed, and the carrier has it."""
    start_label(claim_id=claim.pk, now=now)
    claim.refresh_from_db()
    record_label_bought(claim, data={}, now=now)
    shipment = Shipment.objects.create(
        claim=claim,
        state=ShipmentState.IN_TRANSIT,
        seal_number=SEAL,
        sealed_at=now,
        sealed_by="staff:1",
        created_at=now,
        updated_at=now,
    )
    LabelPurchase.objects.create(
        shipment=shipment,
        generation=1,
        state=PurchaseState.BOUGHT,
        mode="test",
        price_cap_cents=2000,
        promised_days=10,
        incoterm="DDP",
        vendor_shipment_id="shp_1",
        label_id="pl_1",
        cost_cents=900,
        carrier="USPS",
        tracking_code=TRACKING_CODE,
        bought_at=now,
        created_at=now,
    )
    record_shipped(claim, carrier="USPS", tracking_code=TRACKING_CODE, now=now)
    return shipment
