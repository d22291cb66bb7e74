"""State transitions of a label purchase, each a conditional update in one transaction.

Each write depends on the state, and a failure also on its attempt: a late answer to an earlier attempt
must not undo the result of a later one.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_noop as _

from config.jobs import defer
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.deferred_jobs import STOP_PARCELS
from fulfillment.claims.services.shipment_callbacks import record_label_bought, report_problem
from fulfillment.shipments.carrier import CarrierGateway
from fulfillment.shipments.carrier_values import BoughtLabel
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import PurchaseState, ShipmentState
from fulfillment.shipments.services.cases import open_case
from fulfillment.shipments.services.locking import lock_claim
from fulfillment.shipments.services.split_shipments import release_split_label

logger = logging.getLogger("keydesk.shipping")

FETCH_LABEL = "shipping.fetch_label"
_P = PurchaseState
_FREE: dict[str, Any] = {"lease_owner": "", "lease_until": None}
# Message to the maintainer about a refusal that only they can resolve.
_TOLD = {CaseReason.ADDRESS: _("the address cannot be printed on a label as it is")}


def adopt_label(purchase: LabelPurchase, *, gateway: CarrierGateway, now: datetime) -> bool:
    """Ask the vendor for the label of an unknown purchase and adopt it; returns whether there is one.

    Raises: GatewayError: the vendor could not be asked.
    """
    assert purchase.vendor_shipment_id, "a purchase in doubt has the vendor's id"
    status = gateway.retrieve(purchase.vendor_shipment_id)
    if status.label is None:
        return False
    record_bought(purchase, label=status.label, now=now)
    return True


def record_bought(purchase: LabelPurchase, *, label: BoughtLabel, now: datetime) -> bool:
    """Record a bought label: purchase, parcel and claim change together, once.

    Args:    purchase: in any state; it has the label afterwards if this call recorded it.
    Returns: whether this call recorded it; a second answer about the same label changes nothing.
    Locks:   the claim, then the purchase and the parcel.
    After commit: the label file is fetched.
    """
    agreed = purchase.currency
    with transaction.atomic(durable=True):
        claim = lock_claim(purchase.shipment.claim_id)
        if not _is_first_to_write(purchase, label, now=now):
            _compare(purchase, label)
            return False
        if not purchase.is_return:
            _label_parcel(purchase.shipment, now=now)
        record_label_bought(
            claim,
            data={
                "carrier": label.carrier,
                "service": label.service,
                "cost_cents": label.cost_cents,
                "premium_cents": label.premium_cents,
                "currency": label.currency,
                **({"is_return": True} if purchase.is_return else {}),
            },
            now=now,
        )
        # The label is paid for, so it is used; but a case reports it.
        if label.rate_cents > purchase.price_cap_cents or label.currency != agreed:
            detail = f"{label.rate_cents} {label.currency}, agreed {purchase.price_cap_cents}"
            open_case(shipment=purchase.shipment, reason=CaseReason.OVER_CAP, detail=detail, now=now)
        defer(FETCH_LABEL, purchase_id=str(purchase.pk))
        if claim.held_at is not None:
            # Put on hold while its label was being bought.
            defer(STOP_PARCELS, claim_id=claim.pk)
    return True


def _is_first_to_write(purchase: LabelPurchase, label: BoughtLabel, *, now: datetime) -> bool:
    """Record the label unless it is recorded; of several answers exactly one updates the row."""
    mine = LabelPurchase.objects.filter(pk=purchase.pk)
    undecided = {"state": [_P.BUYING, _P.NEEDS_OPERATOR]}
    bought: dict[str, Any] = {
        "state": _P.BOUGHT,
        "rate_id": label.rate_id,
        "carrier": label.carrier,
        "carrier_account": label.carrier_account,
        "service": label.service,
        "rate_cents": label.rate_cents,
        "cost_cents": label.cost_cents,
        "premium_cents": label.premium_cents,
        "currency": label.currency,
        "label_id": label.label_id,
        "label_url": label.label_url,
        "tracking_code": label.tracking_code,
        "tracker_id": label.tracker_id,
        "bought_at": now,
        "checked_at": None,
        "last_error": "",
        **_FREE,
    }
    if update_if(purchase, if_still=undecided, **bought):
        return True
    # Bought by hand at the vendor, or a late answer to an earlier attempt.
    begun = mine.filter(state=_P.CREATED).update(state=_P.BUYING, buy_started_at=now)
    return bool(begun) and update_if(purchase, if_still=undecided, **bought)


def _label_parcel(shipment: Shipment, *, now: datetime) -> None:
    """Mark the parcel as labelled. Its keys stay reserved in their bins until they are packed."""
    Shipment.objects.filter(pk=shipment.pk, state=ShipmentState.PLANNED).update(
        state=ShipmentState.LABELLED, updated_at=now
    )


def _compare(purchase: LabelPurchase, label: BoughtLabel) -> None:
    known = LabelPurchase.objects.get(pk=purchase.pk)
    if known.label_id != label.label_id:
        logger.error("purchase %s is %s, yet has label %s", known.pk, known.state, label.label_id)


def update_if(
    purchase: LabelPurchase,
    *,
    if_still: Mapping[str, Any],
    only_if: str = "true",
    given: Sequence[Any] = (),
    **changes: Any,
) -> bool:
    """Change the row, and `purchase` with it, if it is as the caller saw it; returns whether.

    The row count decides which of two workers continues. Written as SQL because each label takes several and
    composing one with the ORM takes longer than running it.

    Args: if_still: required column values; a list means any of them.
          only_if: a further SQL condition; `given` are its parameters.
    """
    held = [
        f"{name} = ANY(%s)" if isinstance(value, list) else f"{name} = %s" for name, value in if_still.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE shipping_labelpurchase SET {', '.join(f'{name} = %s' for name in changes)}"  # noqa: S608
            f" WHERE {' AND '.join(['id = %s', *held])} AND {only_if}",
            [*changes.values(), purchase.pk, *if_still.values(), *given],
        )
        if not cursor.rowcount:
            return False
    for name, value in changes.items():
        setattr(purchase, name, value)
    return True


def note_error(purchase: LabelPurchase, code: str) -> None:
    """Record the vendor's error code of the last answer."""
    update_if(purchase, if_still=_attempt(purchase), last_error=code)


def make_ready(purchase: LabelPurchase, **changes: Any) -> bool:
    """Make an unbought purchase ready for an attempt; returns whether it was updated."""
    return update_if(purchase, if_still=_attempt(purchase), state=_P.CREATED, **_FREE, **changes)


def need_operator(purchase: LabelPurchase, *, detail: str, now: datetime) -> None:
    """Stop trying to resolve the outcome. Nothing is bought until a person has checked with the vendor."""
    with transaction.atomic(durable=True):
        if update_if(purchase, if_still=_attempt(purchase), state=_P.NEEDS_OPERATOR, **_FREE):
            open_case(shipment=purchase.shipment, reason=CaseReason.PURCHASE_UNKNOWN, detail=detail, now=now)


def fail(purchase: LabelPurchase, *, case: CaseReason, detail: str, now: datetime, **changes: Any) -> bool:
    """Mark the purchase as failed; returns whether it was still undecided.

    After commit: a case is open and, unless it is a return, the claimant can change the claim again.
    """
    with transaction.atomic(durable=True):
        claim = lock_claim(purchase.shipment.claim_id)
        if not update_if(purchase, if_still=_attempt(purchase), state=_P.FAILED, **_FREE, **changes):
            return False
        if not purchase.is_return:
            release_split_label(claim, purchase.shipment, now=now)
            if case in _TOLD:
                report_problem(claim, problem=_TOLD[case], now=now)
        open_case_of(purchase, case, detail=detail, now=now)
    return True


def open_case_of(purchase: LabelPurchase, reason: CaseReason, *, detail: str, now: datetime) -> bool:
    """Open a case for a label that cannot be bought; return labels share one reason."""
    if purchase.is_return:
        reason, detail = CaseReason.NO_RETURN, f"{reason}: {detail}"
    return open_case(shipment=purchase.shipment, reason=reason, detail=detail, now=now)


def _attempt(purchase: LabelPurchase) -> dict[str, Any]:
    """Column values of the state and attempt that the caller saw."""
    return {"state": purchase.state, "buy_attempts": purchase.buy_attempts}
