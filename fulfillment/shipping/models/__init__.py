"""The tables of the shipping room."""

from fulfillment.shipping.models.cases import Case
from fulfillment.shipping.models.floor import FloorScan, PickList
from fulfillment.shipping.models.manifests import Manifest
from fulfillment.shipping.models.parcels import LabelPurchase, ParcelUnit, Shipment, TrackingUpdate

__all__ = [
    "Case",
    "FloorScan",
    "LabelPurchase",
    "Manifest",
    "ParcelUnit",
    "PickList",
    "Shipment",
    "TrackingUpdate",
]
