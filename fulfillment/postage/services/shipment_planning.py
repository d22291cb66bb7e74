"""Plan the parcels of an accepted claim and the purchases of their labels."""

from datetime import datetime
from itertools import count, islice

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from config.jobs import defer
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.claims.deferred_jobs import SHIP_CLAIM
from fulfillment.claims.models import Claim, Region
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.rules.quotes import LineKind
from fulfillment.claims.services.shipment_callbacks import abandon_label, start_label
from fulfillment.postage.rules.packaging import split
from fulfillment.postage.rules.rates import UNPROMISED_DAYS, RateTerms, rate_terms
from fulfillment.postage.services.express import paid_express
from fulfillment.shipments.errors import NotToLabel, UnknownShipment
from fulfillment.shipments.models import LabelPurchase, Shipment
from fulfillment.shipments.rules.states import DEAD_PURCHASE_STATES, LABEL_STATES, ShipmentState
from fulfillment.shipments.selectors import serving_region, warehouse_of
from fulfillment.shipments.services.cases import open_case
from inventory.models import Unit
from inventory.rules import Account

BUY_LABEL = "shipping.buy_label"


def ship_claim(*, claim_id: int, now: datetime) -> LabelPurchase | None:
    """Create the parcels of a claim's reserved keys, and plan the purchase of their labels.

    Most claims are one parcel; a region's limit on keys a parcel splits them.

    Returns: the planned purchase (of the first parcel); None when the claim is no longer accepted, its
             label is already started, or its country is closed, which opens a case.
    Locks:   the claim's row, by the conditional update that starts its label.
    After commit: the purchase jobs run.
    """
    with transaction.atomic(durable=True):
        claim = start_label(claim_id=claim_id, now=now)
        if claim is None:
            return None
        region = serving_region(country=claim.country, now=now)
        if region is None:
            abandon_label(claim_id=claim_id, now=now)
            shipment = _parcels_of(claim, keys_per_parcel=None, now=now)[0]
            open_case(shipment=shipment, reason=CaseReason.NO_RATE, detail="destination closed", now=now)
            return None
        parcels = _parcels_of(claim, keys_per_parcel=region.keys_per_parcel, now=now)
        planned = [plan_purchase(shipment, region=region, now=now) for shipment in parcels]
    return planned[0]


def plan_purchase(shipment: Shipment, *, region: Region, now: datetime) -> LabelPurchase:
    """Plan the purchase for a planned parcel without a live one. After commit: the job buys the label."""
    generation = shipment.purchases.aggregate(newest=Max("generation"))["newest"] or 0
    terms = _terms(shipment.claim, region)
    purchase = LabelPurchase.objects.create(
        shipment=shipment,
        generation=generation + 1,
        mode=settings.ENVIRONMENT.easypost_mode,
        price_cap_cents=max(terms.ceiling_cents, shipment.approved_cents or 0),
        promised_days=terms.promised_days,
        incoterm=region.incoterm,
        created_at=now,
    )
    defer(BUY_LABEL, purchase_id=str(purchase.pk))
    return purchase


def plan_return(shipment: Shipment, *, approved_cents: int = 0, now: datetime) -> LabelPurchase | None:
    """Plan the purchase of a return label, unless one is planned or bought.

    Its ceiling is that of the outbound label, or what staff approved; its promise is four weeks.

    Returns:      None when there is a live one.
    Locks:        none; the caller has locked the parcel's case, and a constraint allows only one.
    After commit: the job buys it like any label.
    """
    live = shipment.purchases.returns().exclude(state__in=sorted(DEAD_PURCHASE_STATES))
    out = shipment.purchases.outbound().filter(state__in=sorted(LABEL_STATES)).order_by("generation").last()
    assert out is not None, "a parcel that left has a label"
    if live.exists():
        return None
    newest = shipment.purchases.aggregate(newest=Max("generation"))["newest"]
    purchase = LabelPurchase.objects.create(
        shipment=shipment,
        generation=newest + 1,
        is_return=True,
        mode=settings.ENVIRONMENT.easypost_mode,
        price_cap_cents=max(out.price_cap_cents, approved_cents),
        promised_days=max(out.promised_days, UNPROMISED_DAYS),
        incoterm=out.incoterm,
        created_at=now,
    )
    defer(BUY_LABEL, purchase_id=str(purchase.pk))
    return purchase


def request_label(*, code: str, now: datetime) -> None:
    """Request the label of a planned parcel again; a parcel with a label stays unchanged.

    Raises: UnknownShipment. NotToLabel: the parcel or its claim is cancelled or closed.
    After commit: the missing job runs.
    """
    shipment = Shipment.objects.select_related("claim").filter(code=code).first()
    if shipment is None:
        raise UnknownShipment(code)
    if shipment.state == ShipmentState.LABELLED:
        return
    if shipment.state != ShipmentState.PLANNED or shipment.claim.state == ClaimState.CANCELLED:
        raise NotToLabel(code, f"it is {ShipmentState(shipment.state).label}")
    live = shipment.purchases.exclude(state__in=sorted(DEAD_PURCHASE_STATES)).first()
    if live is not None:
        defer(BUY_LABEL, purchase_id=str(live.pk))
    elif shipment.claim.label_started_at is None:
        defer(SHIP_CLAIM, claim_id=shipment.claim_id)
    else:
        plan_again(shipment_id=shipment.pk, now=now)


def _terms(claim: Claim, region: Region) -> RateTerms:
    """The terms of the region, or of paid express shipping."""
    quote = paid_express(claim)
    if quote is None:
        return rate_terms(promised_days=region.promised_days, ceiling_cents=region.ceiling_cents)
    # Ceilings are in US cents; payments in other currencies are not converted.
    lines = quote.as_quote().lines if quote.currency == "USD" else ()
    return rate_terms(
        promised_days=region.promised_days,
        ceiling_cents=region.ceiling_cents,
        express_days=quote.express_days,
        paid_cents=sum(line.amount for line in lines if line.kind is LineKind.EXPRESS),
    )


def plan_again(*, shipment_id: int, now: datetime) -> LabelPurchase | None:
    """Plan another purchase for a planned parcel whose last one failed, while other parcels are under way.

    Returns: None when it has a live purchase, is no longer to be sent, or its country is closed.
    Locks:   the claim's row.
    """
    with transaction.atomic(durable=True):
        shipment = Shipment.objects.select_related("claim").get(pk=shipment_id)
        claim = Claim.objects.select_for_update(no_key=True).get(pk=shipment.claim_id)
        live = shipment.purchases.exclude(state__in=sorted(DEAD_PURCHASE_STATES))
        region = serving_region(country=claim.country, now=now)
        is_due = Shipment.objects.filter(pk=shipment_id, state=ShipmentState.PLANNED).exists()
        is_held = claim.held_at is not None
        if claim.label_started_at is None or is_held or region is None or not is_due or live.exists():
            return None
        return plan_purchase(shipment, region=region, now=now)


def _parcels_of(claim: Claim, *, keys_per_parcel: int | None, now: datetime) -> list[Shipment]:
    """The claim's parcels, new or left from failed purchases, with the units reserved for it now."""
    units = list(
        Unit.objects.held_by(claim.code)
        .filter(account=Account.RESERVED)
        .select_related("key_model")
        .in_lock_order()
    )
    assert units, "an accepted claim has units reserved for it"
    left = list(Shipment.objects.filter(claim=claim, state=ShipmentState.PLANNED).order_by("number"))
    shares = split([unit.key_model.sku for unit in units], keys_per_parcel=keys_per_parcel or len(units))
    for beyond in left[len(shares) :]:
        drop_parcel(shipment_id=beyond.pk, now=now)
    parcels = left[: len(shares)]
    # Any of several parcels may be left, so free numbers need not be the last ones.
    live = Shipment.objects.filter(claim=claim).exclude(state=ShipmentState.CANCELLED)
    taken = set(live.values_list("number", flat=True))
    free = (number for number in count(1) if number not in taken)
    for number in islice(free, len(shares) - len(parcels)):
        parcels.append(Shipment.objects.create(claim=claim, number=number, created_at=now, updated_at=now))
    warehouse = warehouse_of(units[0])
    for parcel, share in zip(parcels, shares, strict=True):
        if parcel.warehouse_id != warehouse:
            parcel.warehouse_id = warehouse
            parcel.save(update_fields=["warehouse"])
        parcel.units.set([units[place] for place in share])
    return parcels


def drop_parcel(*, shipment_id: int, now: datetime) -> bool:
    """Cancel a planned parcel; returns whether it was still planned."""
    return bool(
        Shipment.objects.filter(pk=shipment_id, state=ShipmentState.PLANNED).update(
            state=ShipmentState.CANCELLED, updated_at=now
        )
    )
