"""Queries for the packing table: pick lists, parcels to pack, parcels to hand over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Q

from fulfillment.shipments.errors import NotExpectedBack, UnknownLabel, UnknownPickList
from fulfillment.shipments.models import LabelPurchase, Manifest, ParcelUnit, PickList, Shipment
from fulfillment.shipments.rules.manifests import ManifestState
from fulfillment.shipments.rules.states import LABEL_STATES, OUT_STATES, ShipmentState
from fulfillment.warehouse.rules.scans import ScanKind, label_code, scan_kind
from inventory.models import Transfer


@dataclass(frozen=True)
class PickLine:
    """One key to pick. `bin` is empty for a key that was never put away."""

    bin: str
    sku: str
    serial: str
    parcel: str
    is_picked: bool
    is_packed: bool


@dataclass(frozen=True)
class PickRoute:
    """A pick list with its keys in the order of their bins."""

    lines: Sequence[PickLine]

    @property
    def left(self) -> int:
        return sum(not (line.is_picked or line.is_packed) for line in self.lines)


def pick_route(code: str) -> PickRoute:
    """A pick list's lines by bin, then model, then serial. Two queries. Raises: UnknownPickList."""
    rows = list(
        ParcelUnit.objects.filter(shipment__pick_list__code=code)
        .exclude(shipment__state=ShipmentState.CANCELLED)
        .select_related("shipment", "unit__key_model")
    )
    if not rows and not PickList.objects.filter(code=code).exists():
        raise UnknownPickList(code)
    bins = _bins([row.unit_id for row in rows])
    lines = [
        PickLine(
            bin=bins.get(row.unit_id, ""),
            sku=row.unit.key_model.sku,
            serial=row.unit.serial,
            parcel=row.shipment.code,
            is_picked=row.picked_at is not None,
            is_packed=row.packed_at is not None,
        )
        for row in rows
    ]
    return PickRoute(sorted(lines, key=lambda line: (line.bin, line.sku, line.serial)))


def _bins(unit_ids: Sequence[int]) -> dict[int, str]:
    latest = Transfer.objects.filter(unit__in=unit_ids, to_bin__isnull=False).latest_of_their_units()
    return {transfer.unit_id: str(transfer.to_bin) for transfer in latest.select_related("to_bin__warehouse")}


@dataclass(frozen=True)
class Key:
    """A key of a parcel, and whether it is picked and packed."""

    sku: str
    serial: str
    is_picked: bool
    is_packed: bool


@dataclass(frozen=True)
class ParcelToPack:
    """A parcel as shown to the packer, with no recipient data except the country.

    `packer` is the person who began it, `stop` the reason not to pack or send it (empty: none).
    """

    parcel: str
    state: str
    carrier: str
    service: str
    tracking_code: str
    country: str
    keys: Sequence[Key]
    seal_number: str
    sealed_at: datetime | None
    packer: str
    pick_list: str
    manifest: str
    handed_over_at: datetime | None
    stop: str


def parcel_to_pack(label: str) -> ParcelToPack:
    """The parcel whose label or slip was scanned. Two queries. Raises: UnknownLabel."""
    code = label_code(label)
    purchases = (
        LabelPurchase.objects.outbound()
        .filter(state__in=sorted(LABEL_STATES))
        .select_related("shipment__claim", "shipment__pick_list", "shipment__manifest")
    )
    by = {"shipment__code": code} if scan_kind(code) is ScanKind.PARCEL else {"tracking_code": code}
    purchase = purchases.filter(**by).first()
    if purchase is None:
        raise UnknownLabel(code)
    shipment = purchase.shipment
    rows = list(shipment.contents.select_related("unit__key_model").order_by("unit__key_model__sku", "pk"))
    return ParcelToPack(
        parcel=shipment.code,
        state=shipment.state,
        carrier=purchase.carrier,
        service=purchase.service,
        tracking_code=purchase.tracking_code,
        country=shipment.claim.country,
        keys=[
            Key(
                row.unit.key_model.sku,
                row.unit.serial,
                row.picked_at is not None,
                row.packed_at is not None,
            )
            for row in rows
        ],
        seal_number=shipment.seal_number,
        sealed_at=shipment.sealed_at,
        packer=next((row.packed_by for row in rows if row.packed_at is not None), ""),
        pick_list=shipment.pick_list.code if shipment.pick_list else "",
        manifest=shipment.manifest.code if shipment.manifest else "",
        handed_over_at=shipment.handed_over_at,
        stop=_stop(purchase, rows),
    )


def _stop(purchase: LabelPurchase, rows: Sequence[ParcelUnit]) -> str:
    shipment = purchase.shipment
    if shipment.state != ShipmentState.LABELLED:
        return f"The parcel is {ShipmentState(shipment.state).label}."
    if purchase.state != "bought":
        return "A refund has been requested for its label. Remove it from the pile."
    if any(row.unit.held_for != shipment.claim.code for row in rows):
        return "One of its keys was recalled. Scan the keys again; another one replaces it if available."
    return ""


@dataclass(frozen=True)
class KeySent:
    """A key that was sent in a parcel, and whether it was in the returned parcel."""

    sku: str
    serial: str
    is_found: bool = False


@dataclass(frozen=True)
class ReturningParcel:
    """A parcel to take in as a return: its recorded state and keys."""

    parcel: str
    state: str
    keys: Sequence[KeySent]


def returning_parcel(label: str) -> ReturningParcel:
    """The parcel whose label, return label or slip was scanned. Two queries.

    Raises: UnknownLabel. NotExpectedBack: it has not left, or was returned already.
    """
    code = label_code(label)
    if scan_kind(code) is ScanKind.PARCEL:
        found = Shipment.objects.filter(code=code)
    else:
        found = Shipment.objects.filter(
            purchases__tracking_code=code, purchases__state__in=sorted(LABEL_STATES)
        )
    shipment = found.first() if code else None
    if shipment is None:
        raise UnknownLabel(code)
    if shipment.state not in OUT_STATES:
        raise NotExpectedBack(shipment.code, ShipmentState(shipment.state).label)
    keys = shipment.contents.select_related("unit__key_model").order_by("unit__key_model__sku", "pk")
    return ReturningParcel(
        parcel=shipment.code,
        state=ShipmentState(shipment.state).label,
        keys=[KeySent(row.unit.key_model.sku, row.unit.serial) for row in keys],
    )


@dataclass(frozen=True)
class ToHandOver:
    """Sealed parcels of one carrier at one warehouse that are on no manifest."""

    carrier: str
    warehouse: str
    parcels: int


@dataclass(frozen=True)
class WaitingParcels:
    """The number of parcels waiting at each step of the warehouse, and the open manifests."""

    to_pick: int
    to_pack: int
    to_hand_over: Sequence[ToHandOver]
    coming_back: int
    manifests: Sequence[Manifest]


@dataclass(frozen=True)
class OpenList:
    """An open pick list, assigned or not."""

    code: str
    picker: str
    parcels: int
    sealed: int


@dataclass(frozen=True)
class ToPick:
    """The number of parcels on no list, and the open lists, oldest first."""

    parcels: int
    lists: Sequence[OpenList]


def to_pick() -> ToPick:
    """Parcels and lists to pick. One query, because it is part of the response to a scan."""
    with connection.cursor() as cursor:
        cursor.execute(_TO_PICK, {"labelled": ShipmentState.LABELLED})
        rows = cursor.fetchall()
    return ToPick(rows[0][0], [OpenList(*row[1:]) for row in rows if row[1] is not None])


# Returns at least one row, so that the count is there even without lists.
_TO_PICK = """
    SELECT (
            SELECT count(*) FROM shipping_shipment
            WHERE state = %(labelled)s AND manifest_id IS NULL AND sealed_at IS NULL AND pick_list_id IS NULL
        ),
        list.code, list.picker, count(parcel.id), count(parcel.id) FILTER (WHERE parcel.sealed_at IS NOT NULL)
    FROM (VALUES (true)) AS here
        LEFT JOIN shipping_picklist AS list ON list.closed_at IS NULL
        LEFT JOIN shipping_shipment AS parcel ON parcel.pick_list_id = list.id
    GROUP BY list.id
    ORDER BY list.created_at
"""


def work_waiting() -> WaitingParcels:
    """Labelled parcels on no list, listed ones, sealed ones and returns. Three queries.

    Each manifest is annotated with its number of `parcels`.
    """
    here = Q(state=ShipmentState.LABELLED, manifest=None, sealed_at=None)
    returning = Q(state=ShipmentState.RETURNING)
    counts = Shipment.objects.filter(here | returning).aggregate(
        to_pick=Count("pk", filter=here & Q(pick_list=None)),
        to_pack=Count("pk", filter=here & Q(pick_list__isnull=False)),
        coming_back=Count("pk", filter=returning),
    )
    sealed = (
        LabelPurchase.objects.filter(
            state="bought",
            shipment__state=ShipmentState.LABELLED,
            shipment__manifest=None,
            shipment__sealed_at__isnull=False,
        )
        .values_list("carrier", "shipment__warehouse__code")
        .annotate(parcels=Count("pk"))
        .order_by("carrier", "shipment__warehouse__code")
    )
    manifests = (
        Manifest.objects.exclude(state__in=[ManifestState.HANDED_OVER, ManifestState.FAILED])
        .defer("form")
        .annotate(parcels=Count("shipments"))
        .order_by("created_at")
    )
    return WaitingParcels(
        to_pick=counts["to_pick"],
        to_pack=counts["to_pack"],
        coming_back=counts["coming_back"],
        to_hand_over=[ToHandOver(carrier, door or "", parcels) for carrier, door, parcels in sealed],
        manifests=list(manifests),
    )
