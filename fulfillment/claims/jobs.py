"""Background jobs of claims."""

import logging

from procrastinate.contrib.django import app

from common import clock
from fulfillment.claims.campaigns import invitations, reevaluation, reminders
from fulfillment.claims.models import Campaign
from fulfillment.claims.services import expiry, recalls, retention, waitlist
from inventory.services.recalls import HOLDERS_ARE_SHORT
from inventory.services.reservations import STOCK_CAME_FREE

logger = logging.getLogger("keydesk.claims")


@app.periodic(cron="*/5 * * * *")
@app.task(name=STOCK_CAME_FREE, queueing_lock=STOCK_CAME_FREE)
def serve_waitlists(timestamp: int) -> None:
    """Woken when keys become available, and every five minutes in case a wake-up was lost."""
    waitlist.serve_waitlists(now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="claims.expire_reservations", queueing_lock="claims.expire_reservations")
def expire_reservations(timestamp: int) -> None:
    """Every five minutes: release keys whose reservation has expired."""
    for holder in expiry.expire_reservations(now=clock.now()):
        logger.info("the reservation of %s expired: its keys are available", holder)


@app.task(name=HOLDERS_ARE_SHORT)
def return_to_waitlist(recall_id: int) -> None:
    recalls.return_to_waitlist(recall_id=recall_id, now=clock.now())


@app.periodic(cron="41 2 * * *")
@app.task(name="claims.shred_due_addresses")
def shred_due_addresses(timestamp: int) -> None:
    """Every night: shred addresses and household keys past their date."""
    now = clock.now()
    retention.shred_due_addresses(now=now)
    retention.shred_due_households(now=now)


@app.periodic(cron="*/5 * * * *")
@app.task(name=invitations.INVITE_WAVES, queueing_lock=invitations.INVITE_WAVES)
def invite_waves(timestamp: int) -> None:
    """Woken by every new wave, and every five minutes for waves that are due."""
    invitations.invite_due_waves(now=clock.now())


@app.periodic(cron="37 6 * * *")
@app.task(name="claims.remind_invited")
def remind_invited(timestamp: int) -> None:
    """Every day: remind those who were invited two weeks ago and have not claimed, once."""
    reminders.remind_invited(now=clock.now())


@app.task(name=reevaluation.REEVALUATE)
def reevaluate(campaign_id: int, adoption_id: int | None = None) -> None:
    reevaluation.reevaluate(campaign_id=campaign_id, adoption_id=adoption_id, now=clock.now())


@app.periodic(cron="23 5 * * *")
@app.task(name="claims.reevaluate_all")
def reevaluate_all(timestamp: int) -> None:
    """Every morning, after the nightly imports: tell those who became eligible by the new roster."""
    now = clock.now()
    for campaign in Campaign.objects.filter(opens_at__lte=now, closes_at__gt=now).order_by("pk"):
        reevaluation.reevaluate(campaign_id=campaign.pk, now=now)
