"""Delivery problems that maintainers report: not arrived, damaged, wrong keys, broken seal."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.errors import NotSent, UnknownClaim
from fulfillment.claims.models import Claim, ClaimEvent
from fulfillment.claims.rules import ARRIVING_STATES
from fulfillment.claims.services.transitions import record_claim_event
from fulfillment.shipments.models import Shipment
from fulfillment.shipments.rules.states import ShipmentState
from fulfillment.shipments.services.cases import open_case


class DeliveryProblem(StrEnum):
    """A problem with a parcel, as the maintainer reports it."""

    NOT_ARRIVED = "not_arrived"
    DAMAGED = "damaged"
    WRONG_KEYS = "wrong_keys"
    SEAL_BROKEN = "seal_broken"


_CASES: Mapping[DeliveryProblem, CaseReason] = {
    DeliveryProblem.NOT_ARRIVED: CaseReason.NOT_ARRIVED,
    DeliveryProblem.DAMAGED: CaseReason.DAMAGED,
    DeliveryProblem.WRONG_KEYS: CaseReason.WRONG_KEYS,
    DeliveryProblem.SEAL_BROKEN: CaseReason.SEAL_BROKEN,
}


def report_delivery_problem(*, claim_code: str, trouble: DeliveryProblem, actor: str, now: datetime) -> bool:
    """Open a case for staff; return False if one for the same problem is open already.

    Raises: UnknownClaim. NotSent: the claim has no parcel yet.
    Locks:  the claim's row.
    """
    with transaction.atomic(durable=True):
        claim = Claim.objects.select_for_update(no_key=True).filter(code=claim_code).first()
        if claim is None:
            raise UnknownClaim(claim_code)
        shipment = _newest_parcel(claim)
        if claim.state not in ARRIVING_STATES or shipment is None:
            raise NotSent(claim_code)
        if not open_case(
            shipment=shipment, reason=_CASES[trouble], detail="reported by the maintainer", now=now
        ):
            return False
        record_claim_event(
            claim,
            ClaimEvent.Name.PROBLEM,
            actor=actor,
            now=now,
            before=claim.state,
            data={"trouble": str(trouble)},
        )
    return True


def _newest_parcel(claim: Claim) -> Shipment | None:
    parcels = Shipment.objects.filter(claim=claim).exclude(state=ShipmentState.CANCELLED)
    return parcels.order_by("-created_at", "-pk").first()
