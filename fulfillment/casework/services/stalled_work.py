"""Restart stalled work, after a worker died or a job ran out of retries."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from procrastinate.contrib.django.models import ProcrastinateJob

from config.jobs import defer
from fulfillment.cases.models import Case
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.deferred_jobs import SHIP_CLAIM, STOP_PARCELS
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.postage.services.circuit_breaker import paused_until
from fulfillment.postage.services.purchase_transitions import FETCH_LABEL
from fulfillment.postage.services.shipment_planning import BUY_LABEL, drop_parcel, plan_again
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import (
    DEAD_PURCHASE_STATES,
    LABEL_STATES,
    UNBOUGHT_STATES,
    PurchaseState,
    ShipmentState,
)

IDLE = timedelta(minutes=5)
AT_MOST = 500
_SENDING = (ClaimState.ACCEPTED, ClaimState.SHIPPED, ClaimState.DELIVERED)


def restart_stalled_work(*, now: datetime) -> int:
    """Defer jobs for work that has none; return how many.

    Parcels with an open case are skipped: closing the case restarts them. While buying is paused, no purchase
    is restarted.
    """
    for shipment_id in _planned_but_cancelled():
        drop_parcel(shipment_id=shipment_id, now=now)
    for shipment_id in _unplanned(now):
        plan_again(shipment_id=shipment_id, now=now)
    return (
        _defer(SHIP_CLAIM, "claim_id", _unshipped(now))
        + _defer(BUY_LABEL, "purchase_id", [] if paused_until(now=now) else _unbought(now))
        + _defer(FETCH_LABEL, "purchase_id", _unfetched(now))
        + _defer(STOP_PARCELS, "claim_id", _unstopped())
    )


def _defer(task: str, argument: str, ids: Iterable[object]) -> int:
    """Defer a job for each id, unless one is queued already."""
    waiting = {
        str(args[argument])
        for args in ProcrastinateJob.objects.filter(task_name=task, status="todo").values_list(
            "args", flat=True
        )
    }
    missing = [one for one in ids if str(one) not in waiting]
    for one in missing:
        arguments: dict[str, Any] = {argument: one if isinstance(one, int) else str(one)}
        defer(task, **arguments)
    return len(missing)


def _planned_but_cancelled() -> Iterable[int]:
    """Planned parcels of claims that were cancelled while a case was open.

    A claim with several parcels may be shipped, or even delivered, while one is still planned.
    """
    planned = Shipment.objects.filter(state=ShipmentState.PLANNED)
    return planned.exclude(claim__state__in=_SENDING).values_list("pk", flat=True)[:AT_MOST]


def _unshipped(now: datetime) -> Iterable[int]:
    open_case = Case.objects.filter(
        shipment__claim=OuterRef("pk"),
        shipment__state=ShipmentState.PLANNED,
        closed_at__isnull=True,
    )
    idle = Claim.objects.filter(
        ~Exists(open_case),
        state=ClaimState.ACCEPTED,
        label_started_at__isnull=True,
        held_at__isnull=True,
        updated_at__lte=now - IDLE,
    )
    return idle.order_by("pk").values_list("pk", flat=True)[:AT_MOST]


def _unplanned(now: datetime) -> Iterable[int]:
    """Parcels of split shipments that have no label while another parcel of the claim has one."""
    open_case = Case.objects.filter(shipment=OuterRef("pk"), closed_at__isnull=True)
    live = LabelPurchase.objects.filter(shipment=OuterRef("pk")).exclude(
        state__in=sorted(DEAD_PURCHASE_STATES)
    )
    idle = Shipment.objects.filter(
        ~Exists(open_case),
        ~Exists(live),
        state=ShipmentState.PLANNED,
        claim__label_started_at__isnull=False,
        updated_at__lte=now - IDLE,
    )
    return idle.order_by("pk").values_list("pk", flat=True)[:AT_MOST]


def _unbought(now: datetime) -> Iterable[object]:
    open_case = Case.objects.filter(shipment=OuterRef("shipment"), closed_at__isnull=True)
    # A return label always has a case; only a case about the return label itself stops its purchase.
    is_due = ~Exists(open_case) | Q(is_return=True) & ~Exists(open_case.filter(reason=CaseReason.NO_RETURN))
    idle = LabelPurchase.objects.filter(
        is_due,
        state__in=sorted(UNBOUGHT_STATES),
        created_at__lte=now - IDLE,
        shipment__claim__held_at__isnull=True,
    ).filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
    return idle.order_by("created_at", "pk").values_list("pk", flat=True)[:AT_MOST]


def _unstopped() -> Iterable[int]:
    """Claims on hold whose parcels can be stopped now: the form is ready, or the purchase outcome known."""
    here = Q(shipment__state=ShipmentState.LABELLED, shipment__handed_over_at=None, refund_attempts=0)
    begun = LabelPurchase.objects.filter(
        Q(state=PurchaseState.BOUGHT) & here | Q(state__in=sorted(UNBOUGHT_STATES)),
        shipment__claim__held_at__isnull=False,
        shipment__claim__state=ClaimState.ACCEPTED,
    )
    return begun.order_by("shipment__claim_id").values_list("shipment__claim_id", flat=True).distinct()


def _unfetched(now: datetime) -> Iterable[object]:
    idle = LabelPurchase.objects.filter(
        state__in=sorted(LABEL_STATES), label_sha256="", bought_at__lte=now - IDLE
    )
    return idle.order_by("bought_at", "pk").values_list("pk", flat=True)[:AT_MOST]
