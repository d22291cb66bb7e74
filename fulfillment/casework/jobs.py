"""Jobs that stop the parcels of claims on hold and restart stalled work."""

from procrastinate.contrib.django import app

from common import clock
from config.jobs import BACK_OFF
from fulfillment.casework.services import cancellation, stalled_work
from fulfillment.claims.deferred_jobs import STOP_PARCELS
from fulfillment.postage import gateways


@app.task(name=STOP_PARCELS, retry=BACK_OFF)
def stop_parcels(claim_id: int) -> None:
    cancellation.stop_parcels(claim_id=claim_id, gateway=gateways.carrier_gateway(), now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="shipping.sweep", queueing_lock="shipping.sweep")
def sweep(timestamp: int) -> None:
    """Every five minutes: restart claims, purchases, labels and webhooks that no job works on."""
    stalled_work.restart_stalled_work(now=clock.now())
