"""Jobs about webhooks of all vendors."""

from procrastinate.contrib.django import app

from common import clock
from fulfillment import webhooks


@app.periodic(cron="41 3 * * *")
@app.task(name="fulfillment.forget_refusals", queueing_lock="fulfillment.forget_refusals")
def forget_refusals(timestamp: int) -> None:
    """Every night: records of refused attempts that are past their time."""
    webhooks.forget_refusals(now=clock.now())
