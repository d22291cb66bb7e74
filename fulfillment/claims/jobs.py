"""What claims leave to the workers."""

import logging

from procrastinate.contrib.django import app

from config import clock
from fulfillment.claims.services import expiry, recalls, retention, waitlist
from inventory.services.recalls import HOLDERS_ARE_SHORT
from inventory.services.reservations import STOCK_CAME_FREE

logger = logging.getLogger("keydesk.claims")


@app.periodic(cron="*/5 * * * *")
@app.task(name=STOCK_CAME_FREE, queueing_lock=STOCK_CAME_FREE)
def serve_waitlists(timestamp: int) -> None:
    """Woken by whatever frees keys, and every five minutes for what was not said."""
    waitlist.serve_waitlists(now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="claims.expire_reservations", queueing_lock="claims.expire_reservations")
def expire_reservations(timestamp: int) -> None:
    for holder in expiry.expire_reservations(now=clock.now()):
        logger.info("the reservation of %s was past its time: its keys are available", holder)


@app.task(name=HOLDERS_ARE_SHORT)
def put_back_in_line(recall_id: int) -> None:
    recalls.put_back_in_line(recall_id=recall_id, now=clock.now())


@app.periodic(cron="41 2 * * *")
@app.task(name="claims.shred_due_addresses")
def shred_due_addresses(timestamp: int) -> None:
    """Every night: addresses past their date become unreadable for ever."""
    now = clock.now()
    retention.shred_due_addresses(now=now)
    retention.shred_due_households(now=now)
