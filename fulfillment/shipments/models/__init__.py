"""Tables of shipments, labels, manifests and pick lists."""

from fulfillment.shipments.models.charges import ParcelCharge
from fulfillment.shipments.models.insurance import InsuranceClaim
from fulfillment.shipments.models.manifests import Manifest
from fulfillment.shipments.models.packing import FloorScan, PickList
from fulfillment.shipments.models.parcels import LabelPurchase, ParcelUnit, Shipment, TrackingUpdate
from fulfillment.shipments.models.vendor_account import BuyingPause, StrayLabel, VendorFinding

__all__ = [
    "BuyingPause",
    "FloorScan",
    "InsuranceClaim",
    "LabelPurchase",
    "Manifest",
    "ParcelCharge",
    "ParcelUnit",
    "PickList",
    "Shipment",
    "StrayLabel",
    "TrackingUpdate",
    "VendorFinding",
]
