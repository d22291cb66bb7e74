"""Jobs that process carriers' webhooks and follow up on overdue parcels."""

from procrastinate.contrib.django import app

from common import clock
from fulfillment.insurance import services as insurance
from fulfillment.postage import gateways
from fulfillment.postage.gateways.events import WORK_WEBHOOKS
from fulfillment.postage.gateways.insurers import insurers_of
from fulfillment.postage.services import label_refunds
from fulfillment.tracking.services import carrier_events, overdue, webhook_monitor


@app.periodic(cron="* * * * *")
@app.task(name=WORK_WEBHOOKS, queueing_lock=WORK_WEBHOOKS)
def work_webhooks(timestamp: int) -> None:
    """On every new webhook, and every minute for those that wait for the vendor: process stored webhooks."""
    carrier_events.work_carrier_webhooks(gateway=gateways.carrier_gateway(), now=clock.now())


@app.periodic(cron="23 * * * *")
@app.task(name="shipping.ask_vendor", queueing_lock="shipping.ask_vendor")
def ask_vendor(timestamp: int) -> None:
    """Every hour: ask the vendor about trackers without news, pending refunds and open insurance claims."""
    gateway, now = gateways.carrier_gateway(), clock.now()
    carrier_events.ask_silent_trackers(gateway=gateway, now=now)
    label_refunds.check_refunds(gateway=gateway, now=now)
    insurance.follow_claims(insurers=insurers_of(gateway), now=now)


@app.periodic(cron="41 4 * * *")
@app.task(name="shipping.open_silent_cases", queueing_lock="shipping.open_silent_cases")
def open_silent_cases(timestamp: int) -> None:
    """Every day: open a case for each overdue parcel."""
    overdue.open_silent_cases(now=clock.now())


@app.periodic(cron="7 * * * *")
@app.task(name="shipping.watch_webhooks", queueing_lock="shipping.watch_webhooks")
def watch_webhooks(timestamp: int) -> None:
    """Every hour: check that the vendor still sends its events."""
    webhook_monitor.watch_webhooks(gateway=gateways.carrier_gateway(), now=clock.now())
