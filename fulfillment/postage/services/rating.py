"""Create the vendor shipment and choose its rate: a planned purchase becomes created or fails.

Free and repeatable: a vendor shipment whose answer was lost stays unused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.services.shipment_callbacks import ACTOR
from fulfillment.postage.rules.destinations import allowed_carriers
from fulfillment.postage.rules.insured_value import insured_cents
from fulfillment.postage.rules.purchases import case_for, is_about_our_account, settle_interval
from fulfillment.postage.rules.rates import RateChoice, choose_rate
from fulfillment.postage.services import purchase_transitions
from fulfillment.postage.services.circuit_breaker import pause_for
from fulfillment.postage.services.express import paid_express
from fulfillment.postage.services.shipment_request import CannotBeDescribed, Description, describe_shipment
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.carrier_values import CreatedShipment, Rate
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import PurchaseState
from fulfillment.shipments.selectors import is_served
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vault.errors import Shredded
from fulfillment.vault.services import Purpose, open_address
from fulfillment.vendor_failures import Failure

_P = PurchaseState


@dataclass
class _Obstacle(Exception):
    """Why a parcel cannot get a label: the reason of the case, and its detail."""

    case: CaseReason
    detail: str
    code: str = ""
    vendor_shipment_id: str | None = None


def create_and_rate(purchase: LabelPurchase, *, gateway: CarrierGateway, worker: str, now: datetime) -> bool:
    """Move a planned purchase to `created`, with the vendor's id and the chosen rate.

    Returns: whether it is created; then `purchase` has the rate, otherwise the row has the outcome.
    Raises:  GatewayError: nothing was recorded, and the job can be retried.
    Locks:   none; taking the lease decides which of two workers continues.
    """
    if not _take(purchase, gateway=gateway, worker=worker, now=now):
        return False
    try:
        address = _open(purchase, now=now)
        described = _describe(purchase, address, now=now)
        created = _register(purchase, described, gateway=gateway)
        choice = _chosen(purchase, created, address)
    except _Obstacle as obstacle:
        purchase_transitions.fail(
            purchase,
            case=obstacle.case,
            detail=obstacle.detail,
            now=now,
            last_error=obstacle.code,
            vendor_shipment_id=obstacle.vendor_shipment_id,
        )
    except GatewayError as error:
        _put_down(purchase, code=error.code)
        is_about_us = pause_for(error, now=now)
        if error.failure is not Failure.PERMANENT:
            raise
        if not is_about_us:
            purchase_transitions.open_case_of(
                purchase, CaseReason.PURCHASE_REFUSED, detail=error.code, now=now
            )
    else:
        return purchase_transitions.make_ready(
            purchase,
            vendor_shipment_id=created.id,
            # Returned keys go into quarantine, so a return is not insured.
            insured_cents=0
            if purchase.is_return
            else insured_cents(described.value_cents, from_cents=settings.ENVIRONMENT.insure_from_cents),
            **as_fields(choice),
        )
    return False


def _take(purchase: LabelPurchase, *, gateway: CarrierGateway, worker: str, now: datetime) -> bool:
    """Take the lease, unless another worker has it; of two workers one updates no row."""
    return purchase_transitions.update_if(
        purchase,
        if_still={"state": _P.PLANNED},
        only_if="(lease_until IS NULL OR lease_until <= %s)",
        given=[now],
        lease_owner=worker,
        lease_until=now + settle_interval(gateway.timeout),
    )


def _put_down(purchase: LabelPurchase, *, code: str) -> None:
    purchase_transitions.update_if(
        purchase, if_still={"state": _P.PLANNED}, lease_owner="", lease_until=None, last_error=code
    )


def _open(purchase: LabelPurchase, *, now: datetime) -> PostalAddress:
    try:
        return open_address(subject=purchase.shipment.claim.code, purpose=Purpose.LABEL, actor=ACTOR, now=now)
    except Shredded:
        raise _Obstacle(CaseReason.ADDRESS, "address shredded") from None


def _describe(purchase: LabelPurchase, address: PostalAddress, *, now: datetime) -> Description:
    # A closed country accepts no keys but returns are still possible.
    if not purchase.is_return and not is_served(address, now=now):
        raise _Obstacle(CaseReason.NO_RATE, "destination closed")
    try:
        return describe_shipment(purchase, address)
    except CannotBeDescribed as problem:
        raise _Obstacle(CaseReason.CUSTOMS_DATA, str(problem)) from None


def _register(purchase: LabelPurchase, described: Description, *, gateway: CarrierGateway) -> CreatedShipment:
    if described.customs is not None and not purchase.shipment.has_customs:
        Shipment.objects.filter(pk=purchase.shipment_id).update(has_customs=True)
    try:
        return gateway.create_shipment(
            to=described.to,
            from_=described.from_,
            parcel=described.parcel,
            customs=described.customs,
            reference=purchase.reference,
            is_return=purchase.is_return,
        )
    except GatewayError as error:
        if error.failure is not Failure.PERMANENT or is_about_our_account(error.code):
            raise
        raise _Obstacle(case_for(error.code), error.code, error.code) from None


def _chosen(purchase: LabelPurchase, created: CreatedShipment, address: PostalAddress) -> RateChoice:
    choice = _choose(purchase, created.rates, address)
    if choice.rate is not None:
        return choice
    assert choice.case is not None
    refusals = f"; refused by {', '.join(created.refusals)}" if created.refusals else ""
    raise _Obstacle(choice.case, choice.why + refusals, vendor_shipment_id=created.id)


def choose_again(purchase: LabelPurchase, offered: CreatedShipment, *, now: datetime) -> RateChoice:
    """Choose among new rates of the same vendor shipment: the same service if it is under the cap."""
    for rate in offered.rates:
        if (rate.carrier, rate.service, rate.currency) == (
            purchase.carrier,
            purchase.service,
            purchase.currency,
        ) and rate.amount_cents <= purchase.price_cap_cents:
            return RateChoice(rate, "the service chosen before")
    try:
        address = _open(purchase, now=now)
    except _Obstacle as obstacle:
        return RateChoice(None, obstacle.detail, obstacle.case)
    return _choose(purchase, offered.rates, address)


def _choose(purchase: LabelPurchase, rates: Sequence[Rate], address: PostalAddress) -> RateChoice:
    return choose_rate(
        rates,
        promised_days=purchase.promised_days,
        ceiling_cents=purchase.price_cap_cents,
        currency=purchase.currency,
        carriers=allowed_carriers(address),
        must_promise=paid_express(purchase.shipment.claim) is not None,
    )


def as_fields(choice: RateChoice) -> dict[str, Any]:
    """Column values of a chosen rate."""
    rate = choice.rate
    assert rate is not None, "a rate was chosen"
    return {
        "rate_why": choice.why[:300],
        "rate_id": rate.id,
        "carrier": rate.carrier,
        "carrier_account": rate.carrier_account,
        "service": rate.service,
        "rate_cents": rate.amount_cents,
    }
