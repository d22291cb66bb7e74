"""Label files: fetched once, checked, and sealed in the vault, for they show the address."""

import hashlib
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fulfillment.shipping.gateways.base import CarrierGateway, Failure, GatewayError, LabelFile
from fulfillment.shipping.models import LabelPurchase
from fulfillment.shipping.rules.states import LABEL_STATES
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import seal_label


def label_name(purchase: LabelPurchase) -> str:
    """Under which name the vault keeps the label's file."""
    return str(purchase.pk)


def fetch_label(*, purchase_id: UUID | str, gateway: CarrierGateway, now: datetime) -> bool:
    """Fetch and seal the file of a bought label; whether that was done now.

    Raises: GatewayError: the file is not there (yet), or is no label.
    Locks:  none held; the hash is written only where none is.
    """
    purchase = LabelPurchase.objects.select_related("shipment__claim").get(pk=purchase_id)
    if purchase.state not in LABEL_STATES or purchase.label_sha256:
        return False
    file = _fetch(purchase, gateway=gateway)
    with transaction.atomic(durable=True):
        first = LabelPurchase.objects.filter(pk=purchase_id, label_sha256="").update(
            label_sha256=hashlib.sha256(file.content).hexdigest()
        )
        if not first:
            return False
        try:
            seal_label(
                subject=purchase.shipment.claim.code,
                name=label_name(purchase),
                content=file.content,
                now=now,
            )
        except Shredded:
            # The address is gone, so its label must not be kept; the hash stays to say it was seen.
            return False
    return True


def _fetch(purchase: LabelPurchase, *, gateway: CarrierGateway) -> LabelFile:
    """The file at the address we know or, when that has expired, at the one the vendor names now."""
    try:
        return gateway.fetch_label(purchase.label_url)
    except GatewayError as error:
        if error.failure is not Failure.PERMANENT:
            raise
        assert purchase.vendor_shipment_id, "a bought label has the vendor's id"
        label = gateway.retrieve(purchase.vendor_shipment_id).label
        if label is None or label.label_url == purchase.label_url:
            raise
        return gateway.fetch_label(label.label_url)
