"""Jobs that buy labels, fetch label files and reconcile with the vendor. Arguments are ids only."""

import os
import socket

from procrastinate.contrib.django import app

from common import clock
from config.jobs import BACK_OFF
from fulfillment.claims.deferred_jobs import SHIP_CLAIM
from fulfillment.postage import gateways
from fulfillment.postage.services import (
    label_files,
    label_reconciliation,
    label_refunds,
    purchasing,
    recovery,
    shipment_planning,
)
from fulfillment.postage.services.purchase_transitions import FETCH_LABEL


def worker_name() -> str:
    """Name of this worker in a lease: host and process."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


@app.task(name=SHIP_CLAIM, retry=BACK_OFF)
def ship_claim(claim_id: int) -> None:
    shipment_planning.ship_claim(claim_id=claim_id, now=clock.now())


@app.task(name=shipment_planning.BUY_LABEL, retry=BACK_OFF)
def buy_label(purchase_id: str) -> None:
    purchasing.buy_label(
        purchase_id=purchase_id,
        gateway=gateways.carrier_gateway(),
        worker=worker_name(),
        now=clock.now(),
    )


@app.task(name=FETCH_LABEL, retry=BACK_OFF)
def fetch_label(purchase_id: str) -> None:
    label_files.fetch_label(purchase_id=purchase_id, gateway=gateways.carrier_gateway(), now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name="shipping.resolve_purchases", queueing_lock="shipping.resolve_purchases")
def resolve_purchases(timestamp: int) -> None:
    """Every minute: resolve purchases that got no answer."""
    recovery.resolve_purchases(gateway=gateways.carrier_gateway(), worker=worker_name(), now=clock.now())


@app.periodic(cron="47 2 * * *")
@app.task(name="shipping.audit_labels", queueing_lock="shipping.audit_labels")
def audit_labels(timestamp: int) -> None:
    """Every night: reconcile labels with the vendor, and request refunds of unused ones."""
    gateway, now = gateways.carrier_gateway(), clock.now()
    label_reconciliation.audit_labels(gateway=gateway, now=now)
    label_refunds.refund_unused(gateway=gateway, now=now)
