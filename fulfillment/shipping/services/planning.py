"""An accepted claim becomes a parcel, and the parcel an intent to buy its label."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from config.jobs import defer
from fulfillment.claims.models import Claim
from fulfillment.claims.services.progress import abandon_label, start_label
from fulfillment.shipping.models import LabelPurchase, Shipment
from fulfillment.shipping.rules.cases import CaseReason
from fulfillment.shipping.rules.states import ShipmentState
from fulfillment.shipping.selectors import serving_region
from fulfillment.shipping.services.cases import open_case
from inventory.models import Unit
from inventory.rules import Account

BUY_LABEL = "shipping.buy_label"


def ship_claim(*, claim_id: int, now: datetime) -> LabelPurchase | None:
    """Make a parcel of what is reserved for a claim, and plan to buy its label.

    Returns: the planned purchase; None when the claim is not accepted any more, its label is started
             already, or its country is closed (by now), which opens a case.
    Locks:   the claim's row, by the conditional update that starts its label.
    After commit: the purchase job runs.
    """
    with transaction.atomic(durable=True):
        claim = start_label(claim_id=claim_id, now=now)
        if claim is None:
            return None
        shipment = _parcel_of(claim, now=now)
        region = serving_region(country=claim.country, now=now)
        if region is None:
            abandon_label(claim_id=claim_id, now=now)
            open_case(shipment=shipment, reason=CaseReason.NO_RATE, detail="destination closed", now=now)
            return None
        generation = shipment.purchases.aggregate(newest=Max("generation"))["newest"] or 0
        purchase = LabelPurchase.objects.create(
            shipment=shipment,
            generation=generation + 1,
            mode=settings.ENVIRONMENT.easypost_mode,
            price_cap_cents=region.ceiling_cents,
            promised_days=region.promised_days,
            incoterm=region.incoterm,
            created_at=now,
        )
        defer(BUY_LABEL, purchase_id=str(purchase.pk))
    return purchase


def _parcel_of(claim: Claim, *, now: datetime) -> Shipment:
    """The claim's parcel, new or left from a purchase that failed, with the units now reserved for it."""
    shipment, _ = Shipment.objects.get_or_create(
        claim=claim, state=ShipmentState.PLANNED, defaults={"created_at": now, "updated_at": now}
    )
    units = Unit.objects.held_by(claim.code).filter(account=Account.RESERVED)
    assert units, "an accepted claim has units reserved for it"
    shipment.units.set(units)
    return shipment


def drop_parcel(*, shipment_id: int, now: datetime) -> bool:
    """Cancel a planned parcel whose claim was given up; whether it was still planned."""
    return bool(
        Shipment.objects.filter(pk=shipment_id, state=ShipmentState.PLANNED).update(
            state=ShipmentState.CANCELLED, updated_at=now
        )
    )
