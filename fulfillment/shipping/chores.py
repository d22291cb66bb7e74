"""What is done for the vendor's account from time to time, whether or not anything happened."""

from procrastinate.contrib.django import app

from config import clock
from fulfillment.shipping import gateways
from fulfillment.shipping.services import auditing, refunds, watching


@app.periodic(cron="47 2 * * *")
@app.task(name="shipping.audit_labels", queueing_lock="shipping.audit_labels")
def audit_labels(timestamp: int) -> None:
    """Every night: the vendor's labels against ours, and labels nobody used."""
    gateway, now = gateways.from_environment(), clock.now()
    auditing.audit_labels(gateway=gateway, now=now)
    refunds.refund_unused(gateway=gateway, now=now)


@app.periodic(cron="7 * * * *")
@app.task(name="shipping.watch_webhooks", queueing_lock="shipping.watch_webhooks")
def watch_webhooks(timestamp: int) -> None:
    """Every hour: whether the vendor still sends its events."""
    watching.watch_webhooks(gateway=gateways.from_environment(), now=clock.now())
