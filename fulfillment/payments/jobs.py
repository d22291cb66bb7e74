"""Payment jobs. Their arguments are ids only."""

import logging
from datetime import datetime

from procrastinate.contrib.django import app

from common import clock
from config.jobs import BACK_OFF
from fulfillment.claims.deferred_jobs import REFUND_UNDELIVERABLE, SETTLE_CLAIM
from fulfillment.payments import gateways
from fulfillment.payments.gateways.events import WORK_WEBHOOKS
from fulfillment.payments.services import (
    balance_transactions,
    expiry,
    reconciliation,
    refunds,
    webhooks,
)
from fulfillment.payments.services.refunds import SEND_REFUND
from fulfillment.payments.services.refunds import send_refund as send

logger = logging.getLogger("keydesk.payments")


@app.task(name=SETTLE_CLAIM, retry=BACK_OFF)
def settle_claim(claim_id: int) -> None:
    expiry.settle_claim(claim_id=claim_id, gateway=gateways.payment_gateway(), now=clock.now())


@app.task(name=REFUND_UNDELIVERABLE, retry=BACK_OFF)
def refund_undeliverable(claim_id: int) -> None:
    refunds.refund_undeliverable(claim_id=claim_id, now=clock.now())


@app.task(name=SEND_REFUND, retry=BACK_OFF)
def send_refund(refund_id: int) -> None:
    send(refund_id=refund_id, gateway=gateways.payment_gateway(), now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(name=WORK_WEBHOOKS, queueing_lock=WORK_WEBHOOKS)
def work_webhooks(timestamp: int) -> None:
    """On every new webhook, and every minute for those that wait for the vendor: process stored webhooks."""
    webhooks.work_payment_webhooks(gateway=gateways.payment_gateway(), now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="payments.sweep", queueing_lock="payments.sweep")
def sweep(timestamp: int) -> None:
    """Every five minutes: expire unpaid claims, and ask the vendor about payments without recent news."""
    _sweep(clock.now())


@app.periodic(cron="37 4 * * *")
@app.task(name="payments.close_the_day", queueing_lock="payments.close_the_day")
def reconcile_daily(timestamp: int) -> None:
    """Every night: fetch balance transactions and reconcile. Each difference is logged as an error."""
    now, gateway = clock.now(), gateways.payment_gateway()
    if not balance_transactions.is_used():
        return
    balance_transactions.collect_books(gateway=gateway, now=now)
    for difference in reconciliation.reconcile(
        gateway=gateway, since=now - reconciliation.LOOK_BACK, now=now
    ):
        logger.error("payments differ: %s (%s)", difference.kind, ", ".join(difference.ids))


def _sweep(now: datetime) -> None:
    gateway = gateways.payment_gateway()
    expiry.expire_due_claims(gateway=gateway, now=now)
    expiry.ask_after_silence(gateway=gateway, now=now)
