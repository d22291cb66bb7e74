"""Fetch the vendor's balance transactions daily and store them permanently."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import Max

from fulfillment.payments.gateways.base import PaymentGateway
from fulfillment.payments.models import BookEntry, Payment
from fulfillment.payments.values import BalanceEntry

# The vendor adds some transactions late, with an earlier date.
OVERLAP = timedelta(days=3)
AT_ONCE = 500


def is_used() -> bool:
    """Whether there was ever a payment; if not, the vendor need not be called."""
    return Payment.objects.exists()


def collect_books(*, gateway: PaymentGateway, now: datetime, since: datetime | None = None) -> int:
    """Fetch and store new balance transactions; return how many.

    Args: since: start time; by default a few days before the newest stored one.
    """
    newest = BookEntry.objects.aggregate(newest=Max("booked_at"))["newest"]
    oldest = Payment.objects.order_by("created_at").values_list("created_at", flat=True).first()
    start = since or (newest - OVERLAP if newest else oldest)
    if start is None:
        return 0
    before = BookEntry.objects.count()
    entries = gateway.list_entries(since=start)
    while some := list(islice(entries, AT_ONCE)):
        _keep(some, now=now)
    return BookEntry.objects.count() - before


def _keep(entries: Iterable[BalanceEntry], *, now: datetime) -> None:
    BookEntry.objects.bulk_create(
        [
            BookEntry(
                vendor_id=entry.id,
                kind=entry.kind[:40],
                category=entry.category[:60],
                source_id=entry.source_id[:80],
                amount=entry.amount,
                fee=entry.fee,
                net=entry.net,
                currency=entry.currency,
                exchange_rate=entry.exchange_rate[:30],
                booked_at=entry.created_at,
                available_at=entry.available_at,
                recorded_at=now,
            )
            for entry in entries
        ],
        ignore_conflicts=True,
    )
