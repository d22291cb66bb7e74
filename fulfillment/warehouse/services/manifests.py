"""Parcels leave with a manifest: chosen, put on the carrier's form, handed over.

    planned ─ ask for the form ─→ making ─ it is there ─→ ready ─ the driver has the bags ─→ handed over

Parcels whose carrier has no form go with a list of ours, which is ready at once. Until the hand-over a
parcel can be taken off. The keys stay `packed` in the ledger until the carrier's own first scan, for
redeemed means that the carrier says so.
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
    HeldBack,
    ManifestNotReady,
    NothingToHandOver,
    UnknownLabel,
    UnknownManifest,
)
from fulfillment.shipments.models import LabelPurchase, Manifest, Shipment
from fulfillment.shipments.rules.manifests import (
    FORM_CARRIERS,
    Candidate,
    LeftOut,
    ManifestState,
    left_out,
)
from fulfillment.shipments.rules.states import LABEL_STATES, PurchaseState, ShipmentState
from fulfillment.vendor_failures import Failure
from fulfillment.warehouse.services.packing import lock_parcel_for_packing
from inventory.models import Warehouse

logger = logging.getLogger("keydesk.shipping")

MAKE_FORM = "shipping.make_form"
# A batch of EasyPost's holds fewer than 1,000, and a form is a batch inside.
PARCELS_A_MANIFEST = 900
ASK_AGAIN_AFTER = timedelta(seconds=30)
_M = ManifestState


@dataclass(frozen=True)
class Made:
    """A manifest, how many parcels are on it, and which were looked at and left out."""

    manifest: Manifest
    parcels: int
    left_out: Sequence[LeftOut]


def make_manifest(
    *,
    carrier: str,
    actor: str,
    now: datetime,
    warehouse: Warehouse | None = None,
    parcels: Sequence[str] | None = None,
    with_form: bool | None = None,
) -> Made:
    """Put sealed parcels of one carrier and one door onto a manifest.

    Args:    parcels: these, by code; None takes all that are sealed.
             with_form: whether the carrier makes a form; None: if it makes forms at all.
    Raises:  NothingToHandOver, with what every parcel lacks.
    Locks:   the parcels, in order.
    After commit: the job asks for the form; without one the manifest is ready.
    """
    has_form = carrier in FORM_CARRIERS if with_form is None else with_form
    mode = settings.ENVIRONMENT.easypost_mode
    with transaction.atomic(durable=True):
        found = _candidates(carrier, warehouse=warehouse, parcels=parcels)
        refused = left_out(
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
    return Made(manifest, len(chosen), refused)


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
    """Have the carrier's form made for a planned manifest, or look how far it is; its state then.

    A form whose answer was lost is found on its first parcel, so none is asked for twice.

    Raises: GatewayError: ask again later.
    Locks:  none held; conditional updates say which of two workers goes on.
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
    """Write down how far the form is; fetch its file when it is there."""
    if form.manifested:
        return _without_manifested(manifest, form.manifested, now=now)
    if form.status == "failed":
        return _fail(manifest, "SCAN_FORM.FAILED", now=now)
    Manifest.objects.filter(pk=manifest.pk, state=_M.MAKING).update(vendor_form_id=form.id)
    if form.status != "created":
        return _M.MAKING
    paper = forms.fetch_form(form.form_url)
    Manifest.objects.filter(pk=manifest.pk, state=_M.MAKING).update(
        state=_M.READY, form_url=form.form_url, form=paper.content, last_error=""
    )
    return _M.READY


def _without_manifested(manifest: Manifest, vendor_ids: Sequence[str], *, now: datetime) -> ManifestState:
    """The vendor has a form of some parcels already: they go with a list, the others are asked for again."""
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
    """No form: its parcels are free for another manifest."""
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
    """Look after every form that is being made; how many were asked about."""
    waiting = list(
        Manifest.objects.filter(state__in=[_M.PLANNED, _M.MAKING]).order_by("pk").values_list("pk", flat=True)
    )
    for manifest_id in waiting:
        try:
            make_form(manifest_id=manifest_id, forms=forms, now=now)
        except GatewayError as error:
            logger.warning("the form of manifest %s waits for the vendor: %s", manifest_id, error.code)
    return len(waiting)


def take_off(*, label: str, actor: str, now: datetime) -> Manifest:
    """Take a parcel off its manifest, until that is handed over.

    A form that is made still lists the parcel at the carrier. It is then handed over on a list.

    Raises: UnknownLabel, WrongThing. ManifestNotReady: it is handed over, or its form is being made.
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
    """The carrier has the parcels of a ready manifest; how many. From here nothing is undone.

    Said twice it counts once: the second answer is the same.

    Raises: UnknownManifest. ManifestNotReady. HeldBack: a parcel on it is not to leave.
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
            raise HeldBack(parcels)
        manifest.state, manifest.handed_over_at, manifest.handed_over_by = _M.HANDED_OVER, now, actor
        manifest.save(update_fields=["state", "handed_over_at", "handed_over_by"])
        return manifest.shipments.update(handed_over_at=now)
