"""What goes wrong in a rehearsal with faults: the vendor's purchases and its events, parcel by parcel.

Whom a fault strikes depends on the seed and the recipient alone, never on the order in which workers come to
the purchases. So the same seed gives the same summary with faults as well.
"""

from typing import Literal, get_args

from sandbox.client import Control
from sandbox.vendor_json import Json

Severity = Literal["none", "light", "heavy"]
SEVERITIES: tuple[str, ...] = get_args(Severity)

_BUY = {"method": "POST", "path": "/shipments/*/buy", "count": 1}
# Each kind of lost answer of the purchase protocol that costs no waiting.
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
# Parcels that are lost, come back or are held, of all.
_JOURNEYS = {"light": (0.005, 0.01, 0.01), "heavy": (0.02, 0.03, 0.04)}


def set_up(vendor: Control, severity: str, *, seed: int) -> None:
    """Have the stand-in go wrong in this way from now on."""
    if severity == "none":
        return
    of_purchases, of_events = _SHARES[severity]
    for fault in _PURCHASES:
        vendor.add_fault(**fault, share=of_purchases, salt=str(seed))
    for fault in _EVENTS:
        vendor.add_fault(**fault, share=of_events, salt=str(seed), event="tracker.*")
    lost, returned, held = _JOURNEYS[severity]
    vendor.settings(share_lost=lost, share_returned=returned, share_held=held)
