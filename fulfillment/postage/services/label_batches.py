"""Buy labels for many claims with several workers, and report progress."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Lock
from uuid import UUID

from django.db import connection

from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.postage.services.purchasing import buy_label
from fulfillment.postage.services.shipment_planning import ship_claim
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.models import LabelPurchase
from fulfillment.shipments.rules.states import UNBOUGHT_STATES


def waiting_claims(*, campaign: str | None = None, codes: Sequence[str] = ()) -> list[int]:
    """Accepted claims without a purchase, oldest first; all, a campaign's or those given."""
    claims = Claim.objects.filter(
        state=ClaimState.ACCEPTED, label_started_at__isnull=True, held_at__isnull=True
    )
    if campaign:
        claims = claims.filter(campaign__slug=campaign)
    if codes:
        claims = claims.filter(code__in=codes)
    return list(claims.order_by("created_at", "pk").values_list("pk", flat=True))


def waiting_purchases(*, campaign: str | None = None, codes: Sequence[str] = ()) -> list[UUID]:
    """Planned or created purchases that have not been tried, oldest first."""
    purchases = LabelPurchase.objects.filter(
        state__in=sorted(UNBOUGHT_STATES), shipment__claim__held_at__isnull=True
    )
    if campaign:
        purchases = purchases.filter(shipment__claim__campaign__slug=campaign)
    if codes:
        purchases = purchases.filter(shipment__claim__code__in=codes)
    return list(purchases.order_by("created_at", "pk").values_list("pk", flat=True))


def plan_labels(claim_ids: Iterable[int], *, now: datetime) -> int:
    """Plan the parcels of these claims; returns how many were planned now."""
    return sum(ship_claim(claim_id=claim_id, now=now) is not None for claim_id in claim_ids)


def buy_labels(
    purchase_ids: Sequence[UUID],
    *,
    gateway: CarrierGateway,
    workers: int,
    name: str,
    now: Callable[[], datetime],
    done: Callable[[], None] = lambda: None,
) -> Counter[str]:
    """Process these purchases; returns how many ended in each state.

    Workers of the queue may process the same purchases; leases prevent conflicts.

    Args: workers: threads, each with its own connection; too many exceed the vendor's rate limit.
          done: called after each purchase, from one thread at a time.
    """

    ended: Counter[str] = Counter()
    waiting = iter(purchase_ids)
    turn = Lock()

    def next_one() -> UUID | None:
        with turn:
            return next(waiting, None)

    def work() -> None:
        while (purchase_id := next_one()) is not None:
            state = _take_as_far_as_it_goes(purchase_id, gateway=gateway, name=name, now=now())
            with turn:
                ended[state] += 1
                done()

    def work_and_leave() -> None:
        try:
            work()
        finally:
            connection.close()

    if workers == 1:
        work()
        return ended
    with ThreadPoolExecutor(workers) as pool:
        for worker in [pool.submit(work_and_leave) for _ in range(workers)]:
            worker.result()
    return ended


def _take_as_far_as_it_goes(purchase_id: UUID, *, gateway: CarrierGateway, name: str, now: datetime) -> str:
    try:
        return str(buy_label(purchase_id=purchase_id, gateway=gateway, worker=name, now=now))
    except GatewayError:
        # Not bought but recorded: the periodic job retries it.
        return str(LabelPurchase.objects.values_list("state", flat=True).get(pk=purchase_id))
