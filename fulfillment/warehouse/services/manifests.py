"""Manifests: choose parcels, request the carrier's form, hand over.

    planned ─ form requested ─→ making ─ form available ─→ ready ─ the driver has the bags ─→ handed over

Parcels of a carrier without forms go with our own list, which is ready at once. A parcel can be removed
until the hand-over. The keys stay `packed` in the ledger until the carrier's first scan, because a key counts
as redeemed only once the carrier confirms it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from config.jobs import defer
from fulfillment.postage.gateways.scan_forms import FormGateway, ScanForm
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.errors import (
    ClaimsOnHold,
    ManifestNotReady,
    NothingToHandOver,
    UnknownLabel,
    UnknownManifest,
)
from fulfillment.shipments.models import LabelPurchase, Manifest, Shipment
from fulfillment.shipments.rules.manifests import (
    FORM_CARRIERS,
    Candidate,
    ExcludedParcel,
    ManifestState,
    excluded_parcels,
)
from fulfillment.shipments.rules.states import LABEL_STATES, PurchaseState, ShipmentState
from fulfillment.vendor_failures import Failure
from fulfillment.warehouse.services.packing import lock_parcel_for_packing
from inventory.models import Warehouse

logger = logging.getLogger("keydesk.shipping")

MAKE_FORM = "shipping.make_form"
# EasyPost creates a form from a batch, and a batch holds fewer than 1,000 shipments.
PARCELS_A_MANIFEST = 900
ASK_AGAIN_AFTER = timedelta(seconds=30)
_M = ManifestState


@dataclass(frozen=True)
class NewManifest:
    """A new manifest, the number of its parcels, and the parcels that were excluded."""

    manifest: Manifest
    parcels: int
    left_out: Sequence[ExcludedParcel]


def make_manifest(
    *,
    carrier: str,
    actor: str,
    now: datetime,
    warehouse: Warehouse | None = None,
    parcels: Sequence[str] | None = None,
    with_form: bool | None = None,
) -> NewManifest:
    """Create a manifest of sealed parcels of one carrier and one warehouse.

    Args:    parcels: codes; None for all sealed ones.
             with_form: whether to request the carrier's form; None: if the carrier has forms.
    Raises:  NothingToHandOver, with the reason for each parcel.
    Locks:   the parcels, in order.
    After commit: the job requests the form; without one the manifest is ready.
    """
    has_form = carrier in FORM_CARRIERS if with_form is None else with_form
    mode = settings.ENVIRONMENT.easypost_mode
    with transaction.atomic(durable=True):
        found = _candidates(carrier, warehouse=warehouse, parcels=parcels)
        refused = excluded_parcels(
            list(found.values()),
            origin=warehouse.pk if warehouse else None,
            carrier=carrier,
            mode=mode,
            has_form=has_form,
            now=now,
        )
        out = {one.parcel for one in refused}
        chosen = [pk for pk, one in found.items() if one.code not in out][:PARCELS_A_MANIFEST]
        if not chosen:
            raise NothingToHandOver(refused)
        manifest = Manifest.objects.create(
            warehouse=warehouse,
            carrier=carrier,
            mode=mode,
            has_form=has_form,
            state=_M.PLANNED if has_form else _M.READY,
            created_by=actor,
            created_at=now,
        )
        Shipment.objects.filter(pk__in=chosen).update(manifest=manifest)
        if has_form:
            defer(MAKE_FORM, manifest_id=manifest.pk)
    return NewManifest(manifest, len(chosen), refused)


def _candidates(
    carrier: str, *, warehouse: Warehouse | None, parcels: Sequence[str] | None
) -> dict[int, Candidate]:
    rows = LabelPurchase.objects.filter(
        state__in=sorted(LABEL_STATES), shipment__state=ShipmentState.LABELLED
    )
    if parcels is None:
        rows = rows.filter(
            carrier=carrier,
            shipment__warehouse=warehouse,
            shipment__sealed_at__isnull=False,
            shipment__manifest=None,
        )
    else:
        rows = rows.filter(shipment__code__in=parcels)
    rows = rows.select_related("shipment__claim").order_by("shipment_id")
    return {
        row.shipment_id: Candidate(
            code=row.shipment.code,
            origin=row.shipment.warehouse_id,
            carrier=row.carrier,
            mode=row.mode,
            has_label=True,
            is_refunded=row.state != PurchaseState.BOUGHT,
            is_manifested=row.shipment.manifest_id is not None,
            is_sealed=row.shipment.sealed_at is not None,
            is_held=row.shipment.claim.held_at is not None,
            label_dated=row.bought_at,
            account=row.carrier_account,
        )
        for row in rows.select_for_update(of=("self", "shipment"), no_key=True)
    }


def make_form(*, manifest_id: int, forms: FormGateway, now: datetime) -> ManifestState:
    """Request the carrier's form for a planned manifest, or check its progress; return the manifest's state.

    If the response to a request was lost, the form is found through its first parcel and not requested again.

    Raises: GatewayError: try again later.
    Locks:  none; conditional updates decide which of two workers continues.
    """
    manifest = Manifest.objects.get(pk=manifest_id)
    if manifest.state not in (_M.PLANNED, _M.MAKING):
        return _M(manifest.state)
    was_asked = manifest.state == _M.MAKING
    if was_asked and manifest.asked_at and now - manifest.asked_at < ASK_AGAIN_AFTER:
        return _M.MAKING
    if not _start(manifest, now=now):
        return _M(Manifest.objects.get(pk=manifest_id).state)
    ids = _vendor_ids(manifest)
    if not ids:
        return _fail(manifest, "EMPTY", now=now)
    try:
        form = _ask(manifest, ids, forms=forms, was_asked=was_asked)
    except GatewayError as error:
        Manifest.objects.filter(pk=manifest.pk).update(last_error=error.code)
        if error.failure is Failure.PERMANENT:
            return _fail(manifest, error.code, now=now)
        raise
    return _record(manifest, form, forms=forms, now=now)


def _start(manifest: Manifest, *, now: datetime) -> bool:
    return bool(
        Manifest.objects.filter(pk=manifest.pk, state=manifest.state, asked_at=manifest.asked_at).update(
            state=_M.MAKING, asked_at=now
        )
    )


def _ask(manifest: Manifest, ids: Sequence[str], *, forms: FormGateway, was_asked: bool) -> ScanForm:
    if manifest.vendor_form_id:
        return forms.retrieve_form(manifest.vendor_form_id)
    if was_asked and (found := forms.form_of(ids[0])) is not None:
        return found
    return forms.create_form(ids)


def _record(manifest: Manifest, form: ScanForm, *, forms: FormGateway, now: datetime) -> ManifestState:
    """Record the form's progress; download its file when it is available."""
    if form.manifested:
        return _without_manifested(manifest, form.manifested, now=now)
    if form.status == "failed":
        return _fail(manifest, "SCAN_FORM.FAILED", now=now)
    Manifest.objects.filter(pk=manifest.pk, state=_M.MAKING).update(vendor_form_id=form.id)
    if form.status != "created":
        return _M.MAKING
    file = forms.fetch_form(form.form_url)
    Manifest.objects.filter(pk=manifest.pk, state=_M.MAKING).update(
        state=_M.READY, form_url=form.form_url, form=file.content, last_error=""
    )
    return _M.READY


def _without_manifested(manifest: Manifest, vendor_ids: Sequence[str], *, now: datetime) -> ManifestState:
    """Move parcels that are on a form already to our own list; request a form again for the others."""
    with transaction.atomic(durable=True):
        done = manifest.shipments.filter(purchases__vendor_shipment_id__in=vendor_ids)
        beside = Manifest.objects.create(
            warehouse_id=manifest.warehouse_id,
            carrier=manifest.carrier,
            mode=manifest.mode,
            has_form=False,
            state=_M.READY,
            last_error="ALREADY_MANIFESTED",
            created_by=manifest.created_by,
            created_at=now,
        )
        moved = Shipment.objects.filter(pk__in=list(done.values_list("pk", flat=True)))
        if not moved.update(manifest=beside):
            raise GatewayError(Failure.PERMANENT, "SCAN_FORM.MANIFESTED_UNKNOWN")
        left = manifest.shipments.exists()
        Manifest.objects.filter(pk=manifest.pk).update(asked_at=None)
    if not left:
        return _fail(manifest, "ALREADY_MANIFESTED", now=now)
    defer(MAKE_FORM, manifest_id=manifest.pk)
    return _M.MAKING


def _fail(manifest: Manifest, code: str, *, now: datetime) -> ManifestState:
    """Mark a manifest as failed and release its parcels for another one."""
    with transaction.atomic(durable=True):
        if Manifest.objects.filter(pk=manifest.pk, state__in=[_M.PLANNED, _M.MAKING]).update(
            state=_M.FAILED, last_error=code
        ):
            manifest.shipments.update(manifest=None)
    return _M.FAILED


def _vendor_ids(manifest: Manifest) -> list[str]:
    ids = LabelPurchase.objects.filter(shipment__manifest=manifest, state=PurchaseState.BOUGHT)
    return [str(one) for one in ids.order_by("pk").values_list("vendor_shipment_id", flat=True)]


def check_forms(*, forms: FormGateway, now: datetime) -> int:
    """Check every unfinished form; return how many."""
    waiting = list(
        Manifest.objects.filter(state__in=[_M.PLANNED, _M.MAKING]).order_by("pk").values_list("pk", flat=True)
    )
    for manifest_id in waiting:
        try:
            make_form(manifest_id=manifest_id, forms=forms, now=now)
        except GatewayError as error:
            logger.warning("the form of manifest %s waits for the vendor: %s", manifest_id, error.code)
    return len(waiting)


def remove_from_manifest(*, label: str, actor: str, now: datetime) -> Manifest:
    """Remove a parcel from a manifest that is not handed over yet.

    A finished form still lists the parcel at the carrier. The parcel then leaves on a list without a form.

    Raises: UnknownLabel, WrongScanKind. ManifestNotReady: it is handed over, or its form is not finished.
    Locks:  the parcel's row, then the manifest's.
    """
    with transaction.atomic(durable=True):
        shipment = lock_parcel_for_packing(label)[0].shipment
        if shipment.manifest_id is None:
            raise UnknownLabel(label)
        manifest = Manifest.objects.select_for_update(no_key=True).get(pk=shipment.manifest_id)
        if manifest.state not in (_M.READY, _M.PLANNED):
            raise ManifestNotReady(manifest.code, ManifestState(manifest.state).label)
        Shipment.objects.filter(pk=shipment.pk).update(manifest=None)
        if manifest.state == _M.READY and not manifest.shipments.exists():
            Manifest.objects.filter(pk=manifest.pk).update(state=_M.FAILED, last_error="EMPTY")
    return manifest


def hand_over_manifest(*, code: str, actor: str, now: datetime) -> int:
    """Mark a ready manifest as handed over; return the number of parcels. Cannot be undone.

    Idempotent: a second call returns the same number.

    Raises: UnknownManifest. ManifestNotReady. ClaimsOnHold: a parcel's claim is on hold.
    Locks:  the manifest's row.
    """
    with transaction.atomic(durable=True):
        manifest = Manifest.objects.select_for_update(no_key=True).filter(code=code).first()
        if manifest is None:
            raise UnknownManifest(code)
        if manifest.state == _M.HANDED_OVER:
            return manifest.shipments.count()
        if manifest.state != _M.READY:
            raise ManifestNotReady(code, ManifestState(manifest.state).label)
        held = manifest.shipments.filter(claim__held_at__isnull=False).order_by("code")
        if parcels := list(held.values_list("code", flat=True)):
            raise ClaimsOnHold(parcels)
        manifest.state, manifest.handed_over_at, manifest.handed_over_by = _M.HANDED_OVER, now, actor
        manifest.save(update_fields=["state", "handed_over_at", "handed_over_by"])
        return manifest.shipments.update(handed_over_at=now)
