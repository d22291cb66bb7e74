"""Nightly reconciliation of the vendor's list of labels with ours (docs/vendors.md § 4.5, step 6).

A label at the vendor that belongs to none of our purchases, after a crash or a purchase by hand, is money
wasted. One with our reference is refunded; one without opens a case.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fulfillment.postage.rules.refunds import GRANTED
from fulfillment.postage.services import purchase_transitions
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.carrier_values import ShipmentStatus
from fulfillment.shipments.models import LabelPurchase, StrayLabel
from fulfillment.shipments.rules.states import PurchaseState

logger = logging.getLogger("keydesk.shipping")
_P = PurchaseState

# Longer than any refund window, so that each label is checked while it can be refunded.
LOOK_BACK = timedelta(days=35)
_EDGE = timedelta(hours=1)
_CLAIMED = frozenset({_P.BOUGHT, _P.REFUND_REQUESTED, _P.REFUNDED, _P.WRITTEN_OFF})
_UNDECIDED = frozenset({_P.CREATED, _P.BUYING, _P.NEEDS_OPERATOR})


@dataclass
class Audit:
    """Result of the reconciliation. Ids are vendor shipments (`stray`, `refunds_asked`) or our purchases."""

    labels: int = 0
    cents: int = 0
    adopted: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    refunds_asked: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.stray or self.missing or self.differing)


def audit_labels(*, gateway: CarrierGateway, now: datetime, look_back: timedelta = LOOK_BACK) -> Audit:
    """Compare the vendor's recent labels with ours, adopt ours and refund strays.

    Raises: GatewayError: the vendor could not be asked; earlier findings are kept.
    """
    found = Audit()
    since = now - look_back
    seen: set[str] = set()
    for page in _pages(gateway, since=since):
        ours = LabelPurchase.objects.select_related("shipment").in_bulk(
            [shipment.id for shipment in page], field_name="vendor_shipment_id"
        )
        for shipment in page:
            seen.add(shipment.id)
            _compare(shipment, ours.get(shipment.id), found, gateway=gateway, now=now)
    _ask_for_the_retired(seen, found, gateway=gateway, now=now, since=since)
    bought = LabelPurchase.objects.filter(state__in=sorted(_CLAIMED), mode=gateway.mode)
    # The newest may have been bought while the list was read; the oldest are at its edge.
    settled = bought.filter(created_at__gt=since + _EDGE, bought_at__lt=now - _EDGE)
    for purchase_id, vendor_id in settled.values_list("pk", "vendor_shipment_id"):
        if vendor_id not in seen:
            found.missing.append(str(purchase_id))
            logger.error("purchase %s is bought, yet the vendor does not list it", purchase_id)
    ask_for_strays(gateway=gateway, found=found, now=now)
    return found


def _pages(gateway: CarrierGateway, *, since: datetime) -> Iterator[list[ShipmentStatus]]:
    before_id = ""
    while True:
        page = gateway.list_bought(since=since, before_id=before_id)
        yield list(page.shipments)
        if not page.has_more or not page.shipments:
            return
        before_id = page.shipments[-1].id


def _compare(
    shipment: ShipmentStatus,
    purchase: LabelPurchase | None,
    found: Audit,
    *,
    gateway: CarrierGateway,
    now: datetime,
) -> None:
    label = shipment.label
    if label is None:
        return
    found.labels += 1
    found.cents += label.cost_cents
    if purchase is not None and purchase.state in _UNDECIDED:
        if purchase_transitions.record_bought(purchase, label=label, now=now):
            found.adopted.append(str(purchase.pk))
        return
    if purchase is not None and purchase.state in _CLAIMED:
        facts = (label.label_id, label.tracking_code, label.cost_cents)
        if facts != (purchase.label_id, purchase.tracking_code, purchase.cost_cents):
            found.differing.append(str(purchase.pk))
            logger.error("purchase %s differs from the vendor's label", purchase.pk)
        return
    found.stray.append(shipment.id)
    _, is_new = StrayLabel.objects.get_or_create(
        vendor_shipment_id=shipment.id,
        defaults={
            "reference": shipment.reference,
            "carrier": label.carrier,
            "tracking_code": label.tracking_code,
            "cost_cents": label.cost_cents,
            "refund_status": shipment.refund or "",
            "settled_at": now if shipment.refund in GRANTED else None,
            "found_at": now,
        },
    )
    if is_new:
        logger.error("label of the vendor's shipment %s is claimed by no purchase", shipment.id)


def _ask_for_the_retired(
    seen: set[str], found: Audit, *, gateway: CarrierGateway, now: datetime, since: datetime
) -> None:
    """Request refunds for retired purchases that turn out to be bought: the vendor's list may lag behind."""
    given_up = LabelPurchase.objects.select_related("shipment").filter(
        state__in=[_P.RETIRED, _P.FAILED],
        mode=gateway.mode,
        buy_attempts__gt=0,
        created_at__gt=since,
        vendor_shipment_id__isnull=False,
    )
    for purchase in given_up.exclude(vendor_shipment_id__in=seen):
        assert purchase.vendor_shipment_id
        _compare(gateway.retrieve(purchase.vendor_shipment_id), purchase, found, gateway=gateway, now=now)


def ask_for_strays(*, gateway: CarrierGateway, found: Audit, now: datetime) -> None:
    """Request refunds of stray labels with our reference, until they are settled."""
    for stray in StrayLabel.objects.filter(settled_at__isnull=True).exclude(reference="").order_by("pk"):
        try:
            status = gateway.retrieve(stray.vendor_shipment_id).refund
            if status is None or status == "rejected":
                status = gateway.request_refund(stray.vendor_shipment_id)
                found.refunds_asked.append(stray.vendor_shipment_id)
        except GatewayError as error:
            logger.warning("refund of stray %s: %s", stray.vendor_shipment_id, error.code)
            continue
        StrayLabel.objects.filter(pk=stray.pk).update(
            refund_status=status[:20], settled_at=now if status in GRANTED else None
        )
