"""Return labels for maintainers: list them and print them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count
from django.urls import reverse

from fulfillment.claims.models import Claim
from fulfillment.documents import typesetting
from fulfillment.documents.parcel_documents import DocumentSet, ReturnNote, Sheet
from fulfillment.postage.rules.refunds import refund_due_at
from fulfillment.postage.services.label_files import label_name
from fulfillment.postage.services.printing import declaration_of
from fulfillment.shipments.errors import NoReturnLabel
from fulfillment.shipments.models import LabelPurchase, ParcelUnit
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.shipments.rules.tracking import is_scan
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import Purpose, open_label

# Countries that use Letter paper.
_LETTER = frozenset({"US", "CA", "MX", "PH", "CL", "CO", "VE", "PR", "GU", "VI", "AS", "MP"})


@dataclass(frozen=True)
class ReturnLabel:
    """A printable return label, with its expiry and whether it was posted."""

    purchase: LabelPurchase
    until: datetime
    is_posted: bool

    @property
    def parcel(self) -> str:
        return self.purchase.shipment.code


def return_labels_of(claim: Claim) -> Sequence[ReturnLabel]:
    """Return labels of a claim that have a file and whose parcel is not back; two queries."""
    bought = (
        LabelPurchase.objects.returns()
        .filter(shipment__claim=claim, state=PurchaseState.BOUGHT)
        .exclude(label_sha256="")
        .exclude(shipment__state=ShipmentState.BACK)
        .select_related("shipment__warehouse")
        .prefetch_related("tracking_updates")
        .order_by("bought_at")
    )
    return [_seen(purchase) for purchase in bought]


def _seen(purchase: LabelPurchase) -> ReturnLabel:
    assert purchase.bought_at is not None
    return ReturnLabel(
        purchase,
        until=refund_due_at(carrier=purchase.carrier, bought_at=purchase.bought_at),
        is_posted=any(is_scan(update.status) for update in purchase.tracking_updates.all()),
    )


def print_return(*, claim: Claim, parcel: str, actor: str, now: datetime) -> bytes:
    """A return label with instructions and, from abroad, its customs declaration, as one PDF.

    Raises: NoReturnLabel: there is none to print.
    After:  the opening is in the access log of the claim.
    """
    label = next((one for one in return_labels_of(claim) if one.parcel == parcel), None)
    if label is None or label.is_posted:
        raise NoReturnLabel(claim.code)
    purchase = label.purchase
    purchase.shipment.claim = claim
    try:
        picture = open_label(
            subject=claim.code, name=label_name(purchase), purpose=Purpose.CLAIMANT, actor=actor, now=now
        )
        declared = declaration_of(purchase, purpose=Purpose.CLAIMANT, actor=actor, now=now)
    except Shredded:
        raise NoReturnLabel(claim.code) from None
    papers = DocumentSet(_note(label, claim), picture, declared)
    return typesetting.as_pdf([papers], sheet=Sheet.LETTER if claim.country in _LETTER else Sheet.A4)


def _note(label: ReturnLabel, claim: Claim) -> ReturnNote:
    keys = (
        ParcelUnit.objects.filter(shipment=label.purchase.shipment)
        .values_list("unit__key_model__name")
        .annotate(keys=Count("pk"))
        .order_by("unit__key_model__name")
    )
    return ReturnNote(
        parcel=label.parcel,
        carrier=label.purchase.carrier,
        until=f"{label.until:%-d %B %Y}",
        items=[(number, name) for name, number in keys],
        link=settings.SITE_URL + reverse("claims:claim", args=[claim.code]),
    )
