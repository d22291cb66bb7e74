"""Background jobs of the API."""

from datetime import timedelta

from procrastinate.contrib.django import app

from api import idempotency
from api.models import CallCount
from common import clock


@app.periodic(cron="7 * * * *")
@app.task(name="api.forget_old")
def forget_old(timestamp: int) -> None:
    """Every hour: delete stored responses older than a day and call counts older than an hour."""
    now = clock.now()
    idempotency.delete_expired(now=now)
    CallCount.objects.filter(window_start__lt=now - timedelta(hours=1)).delete()
