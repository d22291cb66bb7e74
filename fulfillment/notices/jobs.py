"""Mail leaves from here."""

from procrastinate.contrib.django import app

from common import clock
from fulfillment.notices import services


@app.periodic(cron="* * * * *")
@app.task(name=services.SEND_NOTICES, queueing_lock=services.SEND_NOTICES)
def send_notices(timestamp: int) -> None:
    """Woken by every new notice, and every minute for those that are to be tried again."""
    services.send_notices(now=clock.now())
