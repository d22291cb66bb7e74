"""Queries over shipments and claims."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Sum

from common.errors import BadRequest
from fulfillment.cases.models import Case
from fulfillment.claims.models import Claim, Region
from fulfillment.claims.region_lookup import address_region, country_region
from fulfillment.shipments.models import InsuranceClaim, LabelPurchase, Shipment, TrackingUpdate
from fulfillment.shipments.rules.insurance_claims import CaseSubject
from fulfillment.shipments.rules.states import LABEL_STATES, PurchaseState
from fulfillment.vault.addresses import PostalAddress
from inventory.models import Transfer, Unit

_CLOSED = (Region.Status.BLOCKED, Region.Status.PAUSED)


def serving_region(*, country: str, now: datetime) -> Region | None:
    """The current terms for parcels to a country; None if none may be sent there now."""
    region = country_region(country=country, now=now)
    return None if region is None or region.status in _CLOSED else region


def is_served(address: PostalAddress, *, now: datetime) -> bool:
    """Whether parcels may be sent to the address now; False if it does not name the part of the country."""
    try:
        region = address_region(address, now=now)
    except BadRequest:
        return False
    return region is not None and region.status not in _CLOSED


@dataclass(frozen=True)
class ParcelStatus:
    """A parcel as shown to its maintainer.

    `updates` are the newest first; `seal_number` is empty until the parcel is sealed.
    """

    carrier: str
    tracking_code: str
    seal_number: str
    expected_on: date | None
    updates: Sequence[TrackingUpdate]


def parcels_of(claim: Claim) -> list[ParcelStatus]:
    """The parcels of a claim whose label is bought, oldest first; two queries."""
    bought = LabelPurchase.objects.outbound().filter(shipment__claim=claim, state=PurchaseState.BOUGHT)
    purchases = list(bought.select_related("shipment").order_by("bought_at"))
    said: dict[UUID, list[TrackingUpdate]] = {purchase.pk: [] for purchase in purchases}
    heard = TrackingUpdate.objects.filter(purchase__in=list(said), is_applied=True)
    for update in heard.order_by("-said_at"):
        said[update.purchase_id].append(update)
    return [
        ParcelStatus(
            carrier=purchase.carrier,
            tracking_code=purchase.tracking_code,
            seal_number=purchase.shipment.seal_number if purchase.shipment.sealed_at else "",
            expected_on=next((one.expected_on for one in said[purchase.pk] if one.expected_on), None),
            updates=said[purchase.pk],
        )
        for purchase in purchases
    ]


def subject_of(shipment: Shipment) -> CaseSubject | None:
    """A parcel as carriers and insurers know it, by its outbound label; None without one. Two queries."""
    bought = LabelPurchase.objects.outbound().filter(shipment=shipment, state__in=sorted(LABEL_STATES))
    label = bought.order_by("generation").last()
    if label is None:
        return None
    worth = shipment.units.aggregate(cents=Sum("key_model__customs_value_cents"))["cents"]
    return CaseSubject(
        carrier=label.carrier,
        tracking_code=label.tracking_code,
        vendor_shipment_id=label.vendor_shipment_id or "",
        insured_cents=label.insured_cents,
        value_cents=worth or 0,
    )


def insurance_of(shipment: Shipment) -> list[InsuranceClaim]:
    """The claims on a parcel's insurance, newest first; one query."""
    return list(InsuranceClaim.objects.filter(purchase__shipment=shipment).order_by("-filed_at", "-pk"))


def open_reports_of(claim: Claim) -> list[Case]:
    """Open cases of the claim's parcels; one query."""
    return list(Case.objects.filter(shipment__claim=claim, closed_at__isnull=True).order_by("opened_at"))


def warehouse_of(unit: Unit) -> int | None:
    """The id of the warehouse that a key is in; None if it was never put into a bin."""
    last = Transfer.objects.filter(unit=unit).order_by("-sequence")
    return last.values_list("to_bin__warehouse_id", flat=True).first()
