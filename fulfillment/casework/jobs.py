"""Jobs that stop the parcels of claims on hold and restart stalled work."""

from datetime import datetime

from procrastinate.contrib.django import app

from common import clock
from config.jobs import BACK_OFF
from fulfillment.casework.services import cancellation, stalled_work
from fulfillment.claims.deferred_jobs import STOP_PARCELS
from fulfillment.insurance import services as insurance
from fulfillment.postage import gateways
from fulfillment.postage.gateways.insurers import insurers_of
from fulfillment.postage.jobs import worker_name
from fulfillment.postage.services import label_refunds, recovery
from fulfillment.tracking.services import carrier_events, overdue


@app.task(name=STOP_PARCELS, retry=BACK_OFF)
def stop_parcels(claim_id: int) -> None:
    cancellation.stop_parcels(claim_id=claim_id, gateway=gateways.carrier_gateway(), now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="shipping.sweep", queueing_lock="shipping.sweep")
def sweep(timestamp: int) -> None:
    """Every five minutes: restart claims, purchases, labels and webhooks that no job works on."""
    stalled_work.sweep(now=clock.now())


def periodic_chores(*, now: datetime) -> None:
    """All of the periodic work above at once, for a rehearsal, whose days pass faster than a cron's."""
    gateway = gateways.carrier_gateway()
    stalled_work.sweep(now=now)
    recovery.resolve_purchases(gateway=gateway, worker=worker_name(), now=now)
    carrier_events.ask_silent_trackers(gateway=gateway, now=now)
    label_refunds.check_refunds(gateway=gateway, now=now)
    insurance.follow_claims(insurers=insurers_of(gateway), now=now)
    overdue.open_silent_cases(now=now)
