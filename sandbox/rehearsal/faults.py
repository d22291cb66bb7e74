"""Faults of a rehearsal: in the vendor's purchases and events, drawn for each shipment.

Whether a fault affects a shipment depends only on the seed and the recipient, never on the order in which
workers process purchases. So the same seed gives the same summary with faults as well.
"""

from typing import Literal, get_args

from sandbox.client import Control
from sandbox.vendor_json import Json

Severity = Literal["none", "light", "heavy"]
SEVERITIES: tuple[str, ...] = get_args(Severity)

_BUY = {"method": "POST", "path": "/shipments/*/buy", "count": 1}
# Every way to lose the response to a purchase that does not involve waiting.
_PURCHASES: tuple[Json, ...] = (
    {"kind": "drop", "moment": "before", **_BUY},
    {"kind": "drop", "moment": "after", **_BUY},
    {"kind": "html", "moment": "after", **_BUY},
    {"kind": "status", "status": 500, "moment": "before", **_BUY},
    {"kind": "garbage", "moment": "after", **_BUY},
    {"kind": "no_label", **_BUY},
    {"kind": "price", "percent": 3, **_BUY},
)
_EVENTS: tuple[Json, ...] = (
    {"kind": "webhook_duplicate", "times": 3, "count": 0},
    {"kind": "webhook_reorder", "count": 1},
    {"kind": "webhook_drop", "count": 1},
    {"kind": "webhook_bad_signature", "count": 1},
)
_SHARES = {"light": (0.01, 0.02), "heavy": (0.05, 0.08)}
# Shares of parcels that are lost, returned or held.
_JOURNEYS = {"light": (0.005, 0.01, 0.01), "heavy": (0.02, 0.03, 0.04)}


def set_up(vendor: Control, severity: str, *, seed: int) -> None:
    """Add the faults of this severity to the stand-in."""
    if severity == "none":
        return
    of_purchases, of_events = _SHARES[severity]
    for fault in _PURCHASES:
        vendor.add_fault(**fault, share=of_purchases, salt=str(seed))
    for fault in _EVENTS:
        vendor.add_fault(**fault, share=of_events, salt=str(seed), event="tracker.*")
    lost, returned, held = _JOURNEYS[severity]
    vendor.settings(share_lost=lost, share_returned=returned, share_held=held)
