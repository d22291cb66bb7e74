"""Which webhooks are not worked yet, without looking at all that ever came."""

from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import QuerySet

from fulfillment.models import Webhook

_MARK, _LOOKED = "webhooks:worked_through", "webhooks:looked"
LOOK_AGAIN_S = 60
# A transaction that stores a webhook under an earlier number is over by then.
SETTLED = timedelta(hours=1)


def waiting_webhooks(*, now: datetime) -> "QuerySet[Webhook]":
    """Webhooks without an outcome. Two queries once a minute, besides the caller's own.

    Outcomes are never taken back (I7): up to where all were once found worked, this process looks no more.
    """
    after = cache.get(_MARK, 0)
    waiting = Webhook.objects.filter(pk__gt=after, outcome__isnull=True)
    if cache.add(_LOOKED, True, timeout=LOOK_AGAIN_S):
        _move_on(waiting, after=after, now=now)
    return waiting


def _move_on(waiting: "QuerySet[Webhook]", *, after: int, now: datetime) -> None:
    first = waiting.order_by("pk").values_list("pk", flat=True).first()
    settled = Webhook.objects.filter(pk__gt=after, received_at__lt=now - SETTLED).order_by("-pk")
    through = settled.values_list("pk", flat=True).first() or after
    if first is not None:
        through = min(through, first - 1)
    if through > after:
        cache.set(_MARK, through, timeout=None)
