"""The tables of the shipping room."""

from fulfillment.shipping.models.cases import Case, CaseEntry
from fulfillment.shipping.models.charges import ParcelCharge
from fulfillment.shipping.models.floor import FloorScan, PickList
from fulfillment.shipping.models.insurance import InsuranceClaim
from fulfillment.shipping.models.manifests import Manifest
from fulfillment.shipping.models.parcels import LabelPurchase, ParcelUnit, Shipment, TrackingUpdate
from fulfillment.shipping.models.vendor import BuyingPause, StrayLabel, VendorFinding

__all__ = [
    "BuyingPause",
    "Case",
    "CaseEntry",
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
