"""The job that emails notices."""

from procrastinate.contrib.django import app

from common import clock
from fulfillment.notices import services


@app.periodic(cron="* * * * *")
@app.task(name=services.SEND_NOTICES, queueing_lock=services.SEND_NOTICES)
def send_notices(timestamp: int) -> None:
    """Email due notices: woken by every new one, and every minute for those to be retried."""
    services.send_notices(now=clock.now())
