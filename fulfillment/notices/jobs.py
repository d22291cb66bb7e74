"""Mail leaves from here."""

from datetime import timedelta

from procrastinate.contrib.django import app

from config import clock
from config.jobs import BACK_OFF
from fulfillment.notices import services
from fulfillment.notices.models import Notice


@app.task(name="notices.send_notice", retry=BACK_OFF)
def send_notice(notice_id: int) -> None:
    services.send_notice(notice_id=notice_id, now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(name="notices.send_overdue")
def send_overdue(timestamp: int) -> None:
    """Send what its own job gave up on, or never came to."""
    now = clock.now()
    overdue = Notice.objects.unsent().filter(created_at__lt=now - timedelta(minutes=10))
    for notice_id in overdue.values_list("pk", flat=True)[:500]:
        services.send_notice(notice_id=notice_id, now=now)
