"""Evidence for a dispute: items, payment and delivery, without the address.

The vendor's form asks for the carrier, the tracking number and the day of shipping; the rest is for its text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.models import Claim, ClaimEvent, ClaimQuote
from fulfillment.claims.rules.quotes import QuoteLine
from fulfillment.payments.models import Dispute, Payment, Refund
from fulfillment.shipments.models import LabelPurchase, Shipment, TrackingUpdate
from fulfillment.shipments.rules.states import LABEL_STATES


@dataclass(frozen=True)
class ParcelHistory:
    """One parcel: label, hand-over and last tracking event. None: not yet."""

    parcel: Shipment
    label: LabelPurchase | None
    scans: Sequence[TrackingUpdate]
    # The open case about the label that keeps the claim on hold.
    kept_by: Case | None = None

    @property
    def shipped_at(self) -> datetime | None:
        """The carrier's first scan; without one, our recorded hand-over."""
        first = next((scan.scanned_at or scan.said_at for scan in self.scans), None)
        return first or self.parcel.handed_over_at

    @property
    def delivered_at(self) -> datetime | None:
        said = [scan.scanned_at or scan.said_at for scan in self.scans if scan.status == "delivered"]
        return said[-1] if said else None


@dataclass(frozen=True)
class DisputeEvidence:
    """The evidence about one payment for the payer's bank."""

    payment: Payment
    claim: Claim
    lines: Sequence[QuoteLine]
    disputes: Sequence[Dispute]
    refunds: Sequence[Refund]
    parcels: Sequence[ParcelHistory]
    received_at: datetime | None


# A pre-transit event is about the label, not the parcel.
_NOT_SCANNED = ("unknown", "pre_transit")


def evidence_for(payment: Payment) -> DisputeEvidence:
    """The evidence about a payment, in a fixed number of queries."""
    claim = Claim.objects.select_related("account").get(pk=payment.claim_id)
    quote = ClaimQuote.objects.filter(claim=claim).first()
    received = claim.events.filter(name=ClaimEvent.Name.RECEIVED).order_by("id").first()
    return DisputeEvidence(
        payment=payment,
        claim=claim,
        lines=quote.as_quote().lines if quote else (),
        disputes=list(Dispute.objects.filter(payment=payment).order_by("pk")),
        refunds=list(payment.refunds.order_by("pk")),
        parcels=_carried(claim),
        received_at=received.at if received else None,
    )


def _carried(claim: Claim) -> list[ParcelHistory]:
    parcels = list(Shipment.objects.filter(claim=claim).order_by("pk"))
    labels = {
        label.shipment_id: label
        for label in LabelPurchase.objects.filter(shipment__in=parcels, state__in=sorted(LABEL_STATES))
    }
    scans: dict[int, list[TrackingUpdate]] = {}
    applied = TrackingUpdate.objects.filter(purchase__in=labels.values(), is_applied=True)
    for scan in applied.exclude(status__in=_NOT_SCANNED).select_related("purchase").order_by("said_at", "pk"):
        scans.setdefault(scan.purchase.shipment_id, []).append(scan)
    refused = Case.objects.filter(shipment__in=parcels, reason=CaseReason.REFUND_REFUSED, closed_at=None)
    kept_by = {case.shipment_id: case for case in refused}
    return [
        ParcelHistory(parcel, labels.get(parcel.pk), scans.get(parcel.pk, ()), kept_by.get(parcel.pk))
        for parcel in parcels
    ]
