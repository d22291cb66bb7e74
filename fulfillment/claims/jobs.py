"""What claims leave to the workers."""

from procrastinate.contrib.django import app

from config import clock
from fulfillment.claims.services import retention, waitlist


@app.task(name=waitlist.PROMOTE)
def promote_waitlist(campaign_id: int) -> None:
    waitlist.promote_waitlist(campaign_id=campaign_id, now=clock.now())


@app.periodic(cron="41 2 * * *")
@app.task(name="claims.shred_due_addresses")
def shred_due_addresses(timestamp: int) -> None:
    """Every night: addresses past their date become unreadable for ever."""
    now = clock.now()
    retention.shred_due_addresses(now=now)
    retention.shred_due_households(now=now)
