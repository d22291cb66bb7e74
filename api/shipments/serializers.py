"""Shipments and manifests as API responses, read in a fixed number of queries."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Count, Prefetch, QuerySet

from api.schemas import MoneyOut
from api.shipments.schemas import (
    ExcludedShipmentOut,
    ManifestCreatedOut,
    ManifestOut,
    OpenCaseOut,
    ShipmentLabelOut,
    ShipmentOut,
)
from fulfillment.cases.models import Case
from fulfillment.shipments.errors import UnknownManifest, UnknownShipment
from fulfillment.shipments.models import LabelPurchase, Manifest, Shipment
from fulfillment.shipments.rules.manifests import ExcludedParcel
from fulfillment.shipments.rules.states import LABEL_STATES, PurchaseState


class ShipmentParts(TypedDict):
    """What `select_shipments` adds to each shipment."""

    keys: int
    labels: list[LabelPurchase]
    open_cases: list[Case]


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    ShipmentWithParts = WithAnnotations[Shipment, ShipmentParts]


def select_shipments(shipments: QuerySet[Shipment]) -> "QuerySet[ShipmentWithParts]":
    """Read everything the responses for these shipments need."""
    return (
        shipments.select_related("claim", "manifest", "warehouse")
        .defer("manifest__form")
        .annotate(keys=Count("contents"))
        .prefetch_related(
            Prefetch(
                "purchases",
                queryset=LabelPurchase.objects.outbound().filter(state__in=sorted(LABEL_STATES)),
                to_attr="labels",
            ),
            Prefetch(
                "cases",
                queryset=Case.objects.filter(closed_at=None).order_by("opened_at"),
                to_attr="open_cases",
            ),
        )
    )


def shipment_with_parts(code: str) -> "ShipmentWithParts":
    """One shipment as `select_shipments` reads it. Raises: UnknownShipment."""
    found = select_shipments(Shipment.objects.filter(code=code)).first()
    if found is None:
        raise UnknownShipment(code)
    return found


def current_label(shipment: "ShipmentWithParts") -> LabelPurchase | None:
    """The shipment's label, bought or with a refund requested."""
    return shipment.labels[0] if shipment.labels else None


def serialize_shipment(shipment: "ShipmentWithParts") -> ShipmentOut:
    """A shipment with its label and open cases."""
    label = current_label(shipment)
    return ShipmentOut(
        code=shipment.code,
        claim=shipment.claim.code,
        number=shipment.number,
        state=shipment.state,
        keys=shipment.keys,
        country=shipment.claim.country,
        warehouse=shipment.warehouse.code if shipment.warehouse else None,
        label=None if label is None else _label(label),
        sealed_at=shipment.sealed_at,
        manifest=shipment.manifest.code if shipment.manifest else None,
        handed_over_at=shipment.handed_over_at,
        open_cases=[
            OpenCaseOut(code=case.code, reason=case.reason, due_at=case.due_at)
            for case in shipment.open_cases
        ],
        created_at=shipment.created_at,
        updated_at=shipment.updated_at,
    )


def _label(label: LabelPurchase) -> ShipmentLabelOut:
    assert label.cost_cents is not None, "labels have a cost"
    assert label.bought_at is not None, "labels have been bought"
    return ShipmentLabelOut(
        carrier=label.carrier,
        service=label.service,
        tracking_code=label.tracking_code,
        cost=MoneyOut(amount=label.cost_cents, currency=label.currency),
        bought_at=label.bought_at,
        refund="requested" if label.state == PurchaseState.REFUND_REQUESTED else None,
    )


def manifest_with_shipments(code: str) -> Manifest:
    """A manifest with its warehouse and shipments, without the form's file. Raises: UnknownManifest."""
    found = (
        Manifest.objects.filter(code=code)
        .select_related("warehouse")
        .defer("form")
        .prefetch_related(
            Prefetch("shipments", queryset=Shipment.objects.only("code", "manifest").order_by("pk"))
        )
        .first()
    )
    if found is None:
        raise UnknownManifest(code)
    return found


def serialize_manifest(manifest: Manifest) -> ManifestOut:
    """A manifest with the codes of its shipments."""
    return ManifestOut(
        code=manifest.code,
        carrier=manifest.carrier,
        warehouse=manifest.warehouse.code if manifest.warehouse else None,
        state=manifest.state,
        has_form=manifest.has_form,
        shipments=[shipment.code for shipment in manifest.shipments.all()],
        created_at=manifest.created_at,
        handed_over_at=manifest.handed_over_at,
    )


def serialize_created_manifest(manifest: Manifest, excluded: Iterable[ExcludedParcel]) -> ManifestCreatedOut:
    """A new manifest, with the shipments that could not be on it."""
    return ManifestCreatedOut(
        **dict(serialize_manifest(manifest)),
        left_out=[ExcludedShipmentOut(shipment=one.parcel, code=one.code, why=one.why) for one in excluded],
    )
