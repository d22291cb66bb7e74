"""Label files: fetched once, checked, and encrypted in the vault because they show the address."""

import hashlib
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.postage.rules.refunds import refund_due_at
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.carrier_values import LabelFile
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import LABEL_STATES
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import store_label
from fulfillment.vendor_failures import Failure


def label_name(purchase: LabelPurchase) -> str:
    """The label file's name in the vault."""
    return str(purchase.pk)


def fetch_label(*, purchase_id: UUID | str, gateway: CarrierGateway, now: datetime) -> bool:
    """Fetch and encrypt the file of a bought label; returns whether this call did.

    Raises: GatewayError: the file is not available (yet), or is not a label.
    Locks:  none; a conditional update writes the hash.
    After commit: the maintainer is notified of a return label.
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
            store_label(
                subject=purchase.shipment.claim.code,
                name=label_name(purchase),
                content=file.content,
                now=now,
            )
        except Shredded:
            # The address was shredded, so the label must not be kept; the hash shows that it was fetched.
            return False
        if purchase.is_return:
            _give(purchase, now=now)
    return True


def _give(purchase: LabelPurchase, *, now: datetime) -> None:
    """Notify the maintainer that the return label can be printed, and until when it is valid."""
    assert purchase.bought_at is not None
    claim = purchase.shipment.claim
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.RETURN_LABEL,
        claim_code=claim.code,
        context={
            "carrier": purchase.carrier,
            "until": refund_due_at(carrier=purchase.carrier, bought_at=purchase.bought_at).isoformat(),
        },
        once=f"return_label:{purchase.pk}",
        now=now,
        country=claim.country,
    )


def _fetch(purchase: LabelPurchase, *, gateway: CarrierGateway) -> LabelFile:
    """Fetch from the stored URL or, when that has expired, from the vendor's current one."""
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
