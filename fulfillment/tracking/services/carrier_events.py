"""Tracking updates of carriers, by webhook in any order and any number of times, or on request.

Every update is recorded, and applied unless a newer one was applied before. If it reverses a delivery, or
has the same time as another, the vendor is asked and the response is applied instead.
"""

import logging
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from common.prepared_queries import prepared
from fulfillment.cases.rules.reasons import MOOT_ON_DELIVERY, CaseReason
from fulfillment.claims.models import Claim
from fulfillment.claims.rules import ClaimState
from fulfillment.claims.services.shipment_callbacks import (
    ACTOR,
    record_delivered,
    record_returning,
    record_shipped,
    report_problem,
)
from fulfillment.insurance import services
from fulfillment.models import Provider, Webhook, WebhookOutcome
from fulfillment.postage.gateways import events
from fulfillment.postage.gateways.insurers import insurers_of
from fulfillment.postage.services import label_refunds, purchase_transitions
from fulfillment.shipments.carrier import CarrierGateway, GatewayError
from fulfillment.shipments.carrier_values import TrackerState
from fulfillment.shipments.models import LabelPurchase, Shipment, TrackingUpdate
from fulfillment.shipments.rules.states import UNDER_WAY_STATES, PurchaseState, ShipmentState
from fulfillment.shipments.rules.tracking import (
    Change,
    Relevance,
    TrackingSignal,
    change_by_return,
    is_scan,
    moves_between,
    read_status,
    relevance_of,
    tracking_change,
)
from fulfillment.shipments.services.cases import open_case, settle_cases
from fulfillment.shipments.services.contents import parcel_keys
from fulfillment.shipments.services.locking import lock_claim, lock_parcel
from fulfillment.shipments.services.split_shipments import has_other_parcels, record_split_progress
from fulfillment.vendor_failures import Failure
from inventory.models import Unit
from inventory.rules import Account, Reason
from inventory.services.movements import lock_units, move_locked

logger = logging.getLogger("keydesk.shipping")

Result = WebhookOutcome.Result
_P = PurchaseState

# Webhooks are retried for one day; a tracker without updates for two may have lost some.
ASK_AFTER = timedelta(hours=48)
ASK_AT_MOST = 500
WORK_AT_ONCE = 500
# Few, so that a worker's list is not processed by another worker in the meantime.
TRACKERS_AT_ONCE = 10
WEBHOOK_LOCK = 0x6B6477  # "kdw": the first half of our advisory locks on trackers
# A parcel without news this long after its promised day becomes a case.
SILENT_AFTER = timedelta(days=14)


class _NeedsConfirmation(Exception):
    """The update must be confirmed by the vendor, outside the transaction."""


def work_carrier_webhooks(*, gateway: CarrierGateway, now: datetime) -> int:
    """Process all stored webhooks that have no outcome yet; return how many.

    Webhooks of one tracker are processed in the vendor's order, by one worker at a time. One that must wait
    for the vendor delays only its own tracker, until the next run.

    Locks: the tracker, by a session-level advisory lock, because the vendor may be called in between.
    """
    worked = 0
    seen: set[int] = set()
    while batch := _unworked(seen):
        for subject, webhook_ids in batch.items():
            seen.update(webhook_ids)
            with _try_lock(subject) as is_mine:
                if is_mine:
                    worked += _work_in_order(webhook_ids, gateway=gateway, now=now)
    return worked


def _unworked(seen: Collection[int]) -> dict[str, list[int]]:
    """A batch of unprocessed webhooks, by tracker or shipment.

    Subjects are drawn at random: two workers that both took the oldest would block each other.
    """
    rows = Webhook.objects.unworked().filter(provider=Provider.EASYPOST).exclude(pk__in=seen)
    by_subject: dict[str, list[int]] = {}
    for webhook_id, event_id, body in rows.values_list("pk", "event_id", "body")[:WORK_AT_ONCE]:
        subject = body.get("tracker") or body.get("shipment") or event_id
        by_subject.setdefault(subject, []).append(webhook_id)
    drawn = random.sample(sorted(by_subject), k=min(TRACKERS_AT_ONCE, len(by_subject)))
    return {subject: by_subject[subject] for subject in drawn}


def _work_in_order(webhook_ids: Iterable[int], *, gateway: CarrierGateway, now: datetime) -> int:
    worked = 0
    for webhook_id in webhook_ids:
        try:
            worked += work_webhook(webhook_id=webhook_id, gateway=gateway, now=now) is not None
        except GatewayError as error:
            logger.warning("Webhook %s waits for the vendor: %s", webhook_id, error.code)
            break
    return worked


@contextmanager
def _try_lock(subject: str) -> Iterator[bool]:
    """Try to lock a tracker's events for this session, for the duration of the block."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [WEBHOOK_LOCK, subject])
        (is_mine,) = cursor.fetchone()
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [WEBHOOK_LOCK, subject])


def work_webhook(*, webhook_id: int, gateway: CarrierGateway, now: datetime) -> str | None:
    """Process a stored webhook once; return its outcome, or None if it was processed before.

    Raises: GatewayError: the vendor must be asked first and did not respond; try again later.
    Locks:  the claim's row, then the parcel's; the unique outcome row ensures a single effect.
    """
    webhook = next(iter(_unworked_webhook(webhook_id=webhook_id)), None)
    if webhook is None:
        return None
    is_tracking = webhook.kind.startswith("tracker.") and "tracker" in webhook.body
    is_refund = webhook.kind == "refund.successful" and "status" in webhook.body
    purchase = _purchase_of(webhook.body)
    if webhook.mode != gateway.mode:
        return _record_outcome(webhook, Result.WRONG_MODE, now=now)
    if not is_tracking and not is_refund:
        return _record_outcome(
            webhook, _handle_insurance_event(webhook.body, gateway=gateway, now=now), now=now
        )
    if purchase is None:
        return _record_outcome(webhook, Result.UNKNOWN, now=now)
    if is_refund:
        label_refunds.settle_refund(purchase=purchase, status=webhook.body["status"], now=now)
        return _record_outcome(webhook, Result.APPLIED, now=now)
    return _handle_tracking_event(purchase, webhook, gateway=gateway, now=now)


@prepared
def _unworked_webhook(*, webhook_id: int) -> QuerySet[Webhook]:
    return Webhook.objects.filter(pk=webhook_id, outcome__isnull=True)


def _handle_insurance_event(body: Mapping[str, Any], *, gateway: CarrierGateway, now: datetime) -> Result:
    """Handle a webhook that may be about an insurance claim, by asking the insurer for the claim's state."""
    if "claim" not in body:
        return Result.IGNORED
    claim_id = str(body["claim"])
    is_ours = services.refresh_claim(vendor_claim_id=claim_id, insurers=insurers_of(gateway), now=now)
    return Result.APPLIED if is_ours else Result.UNKNOWN


def _handle_tracking_event(
    purchase: LabelPurchase, webhook: Webhook, *, gateway: CarrierGateway, now: datetime
) -> str | None:
    if purchase.state in (_P.CREATED, _P.BUYING, _P.NEEDS_OPERATOR):
        _resolve_unknown_purchase(purchase, gateway=gateway, now=now)
    state = events.tracker_state(webhook.body, changed_at=webhook.occurred_at)
    try:
        return _apply(purchase, state, said_at=webhook.occurred_at, webhook=webhook, now=now)
    except _NeedsConfirmation:
        confirmed = gateway.retrieve_tracker(purchase.tracker_id)
        return _apply(
            purchase, confirmed, said_at=webhook.occurred_at, webhook=webhook, now=now, is_confirmed=True
        )


def _purchase_of(body: Mapping[str, Any]) -> LabelPurchase | None:
    """The purchase by the vendor's shipment or tracker id; never by tracking code, as carriers reuse them."""
    if shipment_id := body.get("shipment"):
        return next(iter(_by_shipment(vendor_shipment_id=shipment_id)), None)
    if tracker_id := body.get("tracker"):
        return next(iter(_by_tracker(tracker_id=tracker_id)), None)
    return None


@prepared
def _by_shipment(*, vendor_shipment_id: str) -> QuerySet[LabelPurchase]:
    return LabelPurchase.objects.select_related("shipment").filter(vendor_shipment_id=vendor_shipment_id)


@prepared
def _by_tracker(*, tracker_id: str) -> QuerySet[LabelPurchase]:
    return LabelPurchase.objects.select_related("shipment").filter(tracker_id=tracker_id).order_by("pk")


def _resolve_unknown_purchase(purchase: LabelPurchase, *, gateway: CarrierGateway, now: datetime) -> None:
    """Resolve a purchase with an unknown outcome: a tracker event means that its label was bought."""
    if not purchase_transitions.adopt_label(purchase, gateway=gateway, now=now):
        raise GatewayError(Failure.RETRYABLE, "LABEL_NOT_SHOWN_YET")
    purchase.refresh_from_db()


def _record_outcome(webhook: Webhook, result: str, *, now: datetime) -> str | None:
    """Record a webhook's outcome; return None if another worker recorded one first."""
    _, is_first = WebhookOutcome.objects.get_or_create(
        webhook=webhook, defaults={"result": result, "worked_at": now}
    )
    return result if is_first else None


def _apply(
    purchase: LabelPurchase,
    state: TrackerState,
    *,
    said_at: datetime,
    webhook: Webhook | None,
    now: datetime,
    is_confirmed: bool = False,
) -> str | None:
    """Record a tracking update and, if applied, move parcel, units and claim, in one transaction."""
    with transaction.atomic(durable=True):
        claim = lock_claim(purchase.shipment.claim_id)
        shipment = lock_parcel(purchase.shipment_id)
        if webhook is not None and _outcomes(webhook=webhook):
            return None
        relevance = relevance_of(
            TrackingSignal(state.status, said_at),
            newest=_newest_signal(purchase),
            # A signal of a return label never reverses the outbound delivery.
            current=ShipmentState.RETURNING if purchase.is_return else ShipmentState(shipment.state),
            detail=state.detail,
        )
        if relevance is Relevance.DOUBTFUL and not is_confirmed:
            raise _NeedsConfirmation
        effect = None if relevance is Relevance.STALE else _change_for(purchase, shipment, state)
        TrackingUpdate.objects.create(
            purchase=purchase,
            webhook=webhook,
            status=state.status,
            status_detail=state.detail,
            said_at=said_at,
            scanned_at=state.scanned_at,
            expected_on=state.expected_on,
            is_applied=effect is not None and effect.counts,
            recorded_at=now,
        )
        if effect is not None:
            _apply_change(effect, purchase, shipment, claim, state=state, now=now)
        if webhook is None:
            return None
        # Checked above under the claim's lock, so no other worker has recorded an outcome.
        result = Result.STALE if effect is None else Result.APPLIED
        WebhookOutcome.objects.create(webhook=webhook, result=result, worked_at=now)
        return result


def _newest_signal(purchase: LabelPurchase) -> TrackingSignal | None:
    """The newest signal that was applied."""
    update = next(iter(_newest_applied(purchase=purchase)), None)
    return TrackingSignal(update.status, update.said_at) if update else None


@prepared
def _newest_applied(*, purchase: LabelPurchase) -> QuerySet[TrackingUpdate]:
    applied = TrackingUpdate.objects.filter(purchase=purchase, is_applied=True)
    return applied.order_by("-said_at", "-pk")[:1]


@prepared
def _outcomes(*, webhook: Webhook) -> QuerySet[WebhookOutcome]:
    return WebhookOutcome.objects.filter(webhook=webhook)


def _change_for(purchase: LabelPurchase, shipment: Shipment, state: TrackerState) -> Change:
    if purchase.state in (_P.FAILED, _P.RETIRED):
        # Recorded as not bought, so another label may have been bought: check the purchase, keep the state.
        return Change(None, counts=False, case=CaseReason.PURCHASE_UNKNOWN)
    current = ShipmentState(shipment.state)
    if purchase.is_return:
        return change_by_return(current, state.status, state.detail)
    return tracking_change(current, read_status(state.status, state.detail))


def _apply_change(
    effect: Change,
    purchase: LabelPurchase,
    shipment: Shipment,
    claim: Claim,
    *,
    state: TrackerState,
    now: datetime,
) -> None:
    if effect.state is not None:
        keys = [row.unit for row in parcel_keys(shipment)]
        # Keys removed from the parcel since (recalled, or scanned in at our warehouse) are not moved.
        units = [unit for unit in keys if unit.held_for == claim.code]
        before, shipment.state = ShipmentState(shipment.state), effect.state
        shipment.updated_at = now
        shipment.save(update_fields=["state", "updated_at"])
        _move_keys(units, before, effect.state, now=now)
        _update_claim(claim, shipment, purchase, effect, now=now)
        if effect.state == ShipmentState.DELIVERED:
            settle_cases(shipment=shipment, reasons=MOOT_ON_DELIVERY, now=now)
    if effect.case is not None:
        detail = " ".join(word for word in (state.status, state.detail) if word)
        open_case(shipment=shipment, reason=effect.case, detail=detail, now=now)
    if effect.problem:
        report_problem(claim, problem=effect.problem, now=now)


def _move_keys(units: Sequence[Unit], before: ShipmentState, after: ShipmentState, *, now: datetime) -> None:
    """Move the keys with their parcel; keys not scanned into it are packed first."""
    steps = moves_between(before, after)
    if not units or (before != ShipmentState.LABELLED and not steps):
        return
    locked = lock_units(units)
    if before == ShipmentState.LABELLED:
        unscanned = [unit for unit in locked if unit.account == Account.RESERVED]
        move_locked(unscanned, to_account=Account.PACKED, reason=Reason.PACK, actor=ACTOR, now=now)
    for account, reason in steps:
        move_locked(locked, to_account=account, reason=reason, actor=ACTOR, now=now)


def _update_claim(
    claim: Claim, shipment: Shipment, purchase: LabelPurchase, effect: Change, *, now: datetime
) -> None:
    """Update the claim. Carriers skip statuses, claims do not: any later status implies shipped."""
    carrier: dict[str, Any] = {"carrier": purchase.carrier, "tracking_code": purchase.tracking_code}
    if has_other_parcels(shipment):
        record_split_progress(
            claim,
            shipment,
            state=effect.state,
            problem=effect.problem,
            carrier=carrier,
            is_asked_for=purchase.is_return,
            now=now,
        )
        return
    if claim.state == ClaimState.ACCEPTED or effect.state == ShipmentState.IN_TRANSIT:
        record_shipped(claim, **carrier, now=now)
    if effect.state == ShipmentState.DELIVERED:
        record_delivered(claim, now=now)
    if effect.state == ShipmentState.RETURNING:
        record_returning(claim, problem=effect.problem, is_asked_for=purchase.is_return, now=now)


def ask_silent_trackers(*, gateway: CarrierGateway, now: datetime, silent_for: timedelta = ASK_AFTER) -> int:
    """Ask the vendor about parcels in transit without recent updates; return how many.

    Makes up for lost webhooks. A parcel without news long after its promised day becomes a case.
    """
    silent = list(_trackers_without_news(now, silent_for)[:ASK_AT_MOST])
    for purchase in silent:
        try:
            state = gateway.retrieve_tracker(purchase.tracker_id)
        except GatewayError as error:
            purchase_transitions.logger.warning("tracker of purchase %s: %s", purchase.pk, error.code)
            state = None
        LabelPurchase.objects.filter(pk=purchase.pk).update(checked_at=now)
        if state is not None:
            _apply_polled_state(purchase, state, now=now)
    return len(silent)


def _trackers_without_news(now: datetime, silent_for: timedelta) -> Any:
    heard = TrackingUpdate.objects.filter(purchase=OuterRef("pk"), recorded_at__gt=now - silent_for)
    on_its_way = Q(is_return=False, shipment__state__in=sorted(UNDER_WAY_STATES))
    given = Q(is_return=True) & ~Q(shipment__state=ShipmentState.BACK)
    return (
        LabelPurchase.objects.select_related("shipment")
        .filter(on_its_way | given, ~Exists(heard), state=_P.BOUGHT)
        .filter(Q(checked_at__isnull=True) | Q(checked_at__lte=now - silent_for))
        .filter(bought_at__lte=now - silent_for)
        .exclude(tracker_id="")
        .order_by("bought_at", "pk")
    )


def _apply_polled_state(purchase: LabelPurchase, state: TrackerState, *, now: datetime) -> None:
    newest = purchase.tracking_updates.filter(is_applied=True).order_by("-said_at", "-pk").first()
    if newest is None or (newest.status, newest.status_detail) != (state.status, state.detail):
        # The tracker's timestamp lags behind its events, so it must not make this update stale.
        said_at = max(state.changed_at, newest.said_at) if newest else state.changed_at
        _apply(purchase, state, said_at=said_at, webhook=None, now=now, is_confirmed=True)
        return
    if purchase.is_return and not is_scan(state.status):
        # The maintainer has not posted it yet; `refund_unused` refunds the label in time.
        return
    last_word = max(newest.said_at, purchase.bought_at or newest.said_at)
    if now - last_word > SILENT_AFTER + timedelta(days=purchase.promised_days):
        open_case(shipment=purchase.shipment, reason=CaseReason.SILENT, detail=state.status, now=now)
