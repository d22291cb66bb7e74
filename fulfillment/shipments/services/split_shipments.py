"""Split shipments: a claim changes state only when all of its shipments have."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from common.prepared_queries import prepared
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.shipment_callbacks import (
    ACTOR,
    abandon_label,
    record_delivered,
    record_returning,
    record_shipped,
    report_problem,
)
from fulfillment.claims.services.transitions import record_claim_event
from fulfillment.notices.models import Notice
from fulfillment.notices.services import queue_notice
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import DEAD_PURCHASE_STATES, ShipmentState

_T = ShipmentState
_HERE = (_T.PLANNED, _T.CANCELLED)


def others_of(shipment: Shipment) -> QuerySet[Shipment]:
    """The claim's other parcels that were not cancelled."""
    theirs = Shipment.objects.filter(claim_id=shipment.claim_id).exclude(pk=shipment.pk)
    return theirs.exclude(state=_T.CANCELLED)


def has_other_parcels(shipment: Shipment) -> bool:
    """Whether the claim has other parcels that were not cancelled."""
    return bool(_another(shipment=shipment.pk, claim=shipment.claim_id))


@prepared
def _another(*, shipment: int, claim: int) -> QuerySet[Shipment, tuple[int]]:
    theirs = Shipment.objects.filter(claim_id=claim).exclude(pk=shipment).exclude(state=_T.CANCELLED)
    return theirs.values_list("pk")[:1]


def release_split_label(claim: Claim, shipment: Shipment, *, now: datetime) -> None:
    """Make the claim editable again if none of its parcels has a label or a purchase in progress.

    If this parcel was cancelled while another one is on its way, create a successor for its keys; its label
    is planned by the job for stalled work.
    """
    live = LabelPurchase.objects.filter(shipment=OuterRef("pk")).exclude(
        state__in=sorted(DEAD_PURCHASE_STATES)
    )
    if not others_of(shipment).filter(Exists(live) | ~Q(state__in=_HERE)).exists():
        abandon_label(claim_id=claim.pk, now=now)
        return
    state = Shipment.objects.values_list("state", flat=True).get(pk=shipment.pk)
    if state == _T.CANCELLED:
        successor = Shipment.objects.create(
            claim_id=shipment.claim_id,
            number=shipment.number,
            warehouse_id=shipment.warehouse_id,
            created_at=now,
            updated_at=now,
        )
        successor.units.set(shipment.units.all())


def record_split_progress(
    claim: Claim,
    shipment: Shipment,
    *,
    state: ShipmentState | None,
    problem: str,
    carrier: dict[str, Any],
    now: datetime,
    is_asked_for: bool = False,
) -> None:
    """Update a claim after one of its parcels changed state.

    The claim is shipped with the first parcel, delivered with the last, and returned when all are returned.

    Args: carrier: `carrier` and `tracking_code` of this parcel.
          is_asked_for: it is returned with a return label that we provided.
    """
    states = set(others_of(shipment).values_list("state", flat=True))
    first_scan = claim.state == ClaimState.ACCEPTED
    if first_scan or (state == _T.IN_TRANSIT and claim.state == ClaimState.DELIVERED):
        record_shipped(claim, **carrier, now=now)
    if state == _T.DELIVERED and states == {_T.DELIVERED}:
        record_delivered(claim, now=now)
    elif state == _T.RETURNING and states <= {_T.RETURNING, _T.BACK}:
        record_returning(claim, problem=problem, is_asked_for=is_asked_for, now=now)
    elif not (first_scan and state == _T.IN_TRANSIT):
        record_claim_event(
            claim,
            ClaimEvent.Name.TRACKED,
            actor=ACTOR,
            now=now,
            before=claim.state,
            data={**carrier, "parcel": shipment.code, "state": str(state)},
        )
        if state == _T.IN_TRANSIT:
            _notify_shipped(claim, shipment, carrier, now=now)
        elif state == _T.RETURNING and not is_asked_for:
            report_problem(claim, problem=problem, now=now)


def _notify_shipped(claim: Claim, shipment: Shipment, carrier: dict[str, Any], *, now: datetime) -> None:
    queue_notice(
        account_id=claim.account_id,
        template=Notice.Template.SHIPPED,
        claim_code=claim.code,
        context={"carrier": carrier["carrier"], "tracking_code": carrier["tracking_code"]},
        once=f"shipped:{claim.code}:{shipment.number}",
        now=now,
    )
