"""What the door leaves to the workers."""

from datetime import timedelta

from procrastinate.contrib.django import app

from api import idempotency
from api.models import CallCount
from common import clock


@app.periodic(cron="7 * * * *")
@app.task(name="api.forget_old")
def forget_old(timestamp: int) -> None:
    """Every hour: answers past their day, and callers who stayed away."""
    now = clock.now()
    idempotency.forget_old(now=now)
    CallCount.objects.filter(window_start__lt=now - timedelta(hours=1)).delete()
