"""Tracking statuses of carriers, and their effect on a parcel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from common.translatable import gettext_noop as _
from fulfillment.cases.rules.reasons import CaseReason
from fulfillment.shipments.rules.states import SHIPMENT_TRANSITIONS, ShipmentState
from inventory.rules import Account, Reason

_T = ShipmentState

# EasyPost's statuses (docs/vendors.md § 3.1). Both sets are open: a new one opens a case, never an error.
_STATES: Mapping[str, ShipmentState | None] = {
    "unknown": None,
    "pre_transit": None,
    "in_transit": _T.IN_TRANSIT,
    "out_for_delivery": _T.IN_TRANSIT,
    "available_for_pickup": _T.IN_TRANSIT,
    "delivered": _T.DELIVERED,
    "return_to_sender": _T.RETURNING,
    # Not lost: a parcel that fails today is often in transit again tomorrow.
    "failure": None,
    "cancelled": None,
    # The tracker has failed, not the delivery.
    "error": None,
}
_DETAILS_IN_WORDS = """
    address_correction arrived_at_destination arrived_at_facility arrived_at_pickup_location
    awaiting_information cancelled damaged delayed delivery_exception departed_facility
    departed_origin_facility expired failure held in_transit label_created lost missorted out_for_delivery
    received_at_destination_facility received_at_origin_facility refused return status_update
    transferred_to_destination_carrier transit_exception unknown weather_delay
"""
_DETAILS = frozenset(_DETAILS_IN_WORDS.split())
# Details that need a person, with the message to the maintainer.
_PROBLEMS = {
    "awaiting_information": _("the carrier needs more information"),
    "damaged": _("it was damaged"),
    "delivery_exception": _("it could not be delivered"),
    "refused": _("it was refused at the door"),
}
_COMING_BACK = _("it is on its way back to us")
_LOST = _("the carrier has lost it")
_CANNOT_DELIVER = _("the carrier cannot deliver it")


@dataclass(frozen=True)
class TrackingEffect:
    """The effect of a tracking status: new state (None: unchanged), case to open, text for the maintainer."""

    state: ShipmentState | None
    case: CaseReason | None = None
    problem: str = ""


def read_status(status: str, detail: str) -> TrackingEffect:
    """The meaning of a tracker's status and detail; the detail may be empty."""
    state = _STATES.get(status)
    if detail == "lost" and status in ("failure", "in_transit"):
        meaning = TrackingEffect(_T.LOST, CaseReason.LOST, _LOST)
    elif state == _T.RETURNING:
        meaning = TrackingEffect(state, CaseReason.RETURNED, _COMING_BACK)
    elif status in ("failure", "cancelled"):
        meaning = TrackingEffect(None, CaseReason.DELIVERY_PROBLEM, _PROBLEMS.get(detail, _CANNOT_DELIVER))
    elif state != _T.DELIVERED and detail in _PROBLEMS:
        meaning = TrackingEffect(state, CaseReason.DELIVERY_PROBLEM, _PROBLEMS[detail])
    elif status not in _STATES or (detail and detail not in _DETAILS):
        meaning = TrackingEffect(state, CaseReason.UNKNOWN_STATUS)
    else:
        meaning = TrackingEffect(state)
    return meaning


@dataclass(frozen=True)
class TrackingSignal:
    """A tracking status, and when the vendor created its event."""

    status: str
    said_at: datetime


class Relevance(Enum):
    """How a tracking signal compares with the newest one that was applied."""

    STALE = auto()  # older than the newest applied one: recorded, without effect
    DOUBTFUL = auto()  # same time as another, or reverses a delivery or loss: ask the vendor
    COUNTS = auto()


def relevance_of(
    signal: TrackingSignal, *, newest: TrackingSignal | None, current: ShipmentState, detail: str = ""
) -> Relevance:
    """Compare a signal with the newest applied one, by the vendor's `created_at`.

    Events may arrive in any order.

    Args: newest: the newest signal that was applied.
    """
    if newest is not None and signal.said_at < newest.said_at:
        return Relevance.STALE
    if newest is not None and signal.said_at == newest.said_at and signal.status != newest.status:
        return Relevance.DOUBTFUL
    state = read_status(signal.status, detail).state
    if current in (_T.DELIVERED, _T.LOST) and state not in (None, current):
        return Relevance.DOUBTFUL
    return Relevance.COUNTS


@dataclass(frozen=True)
class Change:
    """The change to a parcel: new state (None: unchanged), whether the signal is applied, case to open."""

    state: ShipmentState | None
    counts: bool
    case: CaseReason | None = None
    problem: str = ""


def tracking_change(current: ShipmentState, meaning: TrackingEffect) -> Change:
    """The effect of a signal, which is not stale, on a parcel in this state.

    Carriers may reverse a delivery or a loss, and that is applied. A parcel that is being returned is not
    set back to outbound by a scan: "delivered" then usually means delivered to us, so a person decides. A
    parcel that should not have been sent is not moved either.
    """
    target = meaning.state
    if current == _T.BACK:
        return Change(None, counts=False)
    if target == current:
        # A repeated status must not open a case again that was closed since the first one.
        repeated = meaning.case in (CaseReason.RETURNED, CaseReason.LOST)
        return Change(None, counts=True, case=None if repeated else meaning.case, problem=meaning.problem)
    if target is None:
        return Change(None, counts=True, case=meaning.case, problem=meaning.problem)
    if current == _T.RETURNING and target != _T.LOST:
        return Change(None, counts=False, case=CaseReason.TRACKING_REVERSED)
    if target not in SHIPMENT_TRANSITIONS[current]:
        return Change(None, counts=False, case=CaseReason.DELIVERY_PROBLEM)
    took_back = current in (_T.DELIVERED, _T.LOST)
    case = meaning.case or (CaseReason.TRACKING_REVERSED if took_back else None)
    return Change(target, counts=True, case=case, problem=meaning.problem)


def change_by_return(current: ShipmentState, status: str, detail: str) -> Change:
    """The effect of a signal for a return label; the first scan sets the parcel to returning.

    "Delivered" then means delivered to our warehouse; a case is open until the parcel is scanned in there.
    """
    meaning = read_status(status, detail)
    if current == _T.BACK:
        return Change(None, counts=False)
    if meaning.state == _T.LOST:
        is_news = current != _T.LOST
        return Change(
            _T.LOST if is_news else None, counts=True, case=meaning.case if is_news else None, problem=_LOST
        )
    if meaning.state == _T.RETURNING:
        # The carrier sends the return back to the maintainer, which is a delivery problem.
        return Change(None, counts=True, case=CaseReason.DELIVERY_PROBLEM)
    is_moving = meaning.state is not None and current != _T.RETURNING
    case = CaseReason.RETURNED if meaning.state == _T.DELIVERED else meaning.case
    return Change(_T.RETURNING if is_moving else None, counts=True, case=case, problem=meaning.problem)


def placed_by(status: str, detail: str, *, is_return: bool) -> ShipmentState | None:
    """The state that an applied signal implies for a parcel; None: unchanged."""
    state = read_status(status, detail).state
    if not is_return or state in (None, _T.LOST):
        return state
    return None if state == _T.RETURNING else _T.RETURNING


def is_scan(status: str) -> bool:
    """Whether this status means that the carrier has the parcel, and so its label is used."""
    return status not in ("unknown", "pre_transit", "cancelled", "error")


# The ledger account of a parcel's units by its state. While returning, units are still in transit: only a
# scan at our warehouse moves them to returned.
ACCOUNT_OF: Mapping[ShipmentState, Account] = {
    _T.LABELLED: Account.PACKED,
    _T.IN_TRANSIT: Account.IN_TRANSIT,
    _T.DELIVERED: Account.DELIVERED,
    _T.RETURNING: Account.IN_TRANSIT,
    _T.LOST: Account.LOST,
}
_HAND_OVER = (Account.IN_TRANSIT, Reason.HAND_OVER)
_STEPS: Mapping[tuple[Account, Account], tuple[tuple[Account, Reason], ...]] = {
    (Account.PACKED, Account.IN_TRANSIT): (_HAND_OVER,),
    # The first scan was missed; the ledger still records the time in transit.
    (Account.PACKED, Account.DELIVERED): (_HAND_OVER, (Account.DELIVERED, Reason.DELIVER)),
    (Account.PACKED, Account.LOST): (_HAND_OVER, (Account.LOST, Reason.LOSE)),
    (Account.IN_TRANSIT, Account.DELIVERED): ((Account.DELIVERED, Reason.DELIVER),),
    (Account.IN_TRANSIT, Account.LOST): ((Account.LOST, Reason.LOSE),),
    (Account.DELIVERED, Account.LOST): ((Account.LOST, Reason.LOSE),),
    (Account.DELIVERED, Account.IN_TRANSIT): ((Account.IN_TRANSIT, Reason.CORRECT),),
    (Account.LOST, Account.IN_TRANSIT): ((Account.IN_TRANSIT, Reason.CORRECT),),
    (Account.LOST, Account.DELIVERED): ((Account.DELIVERED, Reason.CORRECT),),
}


def moves_between(before: ShipmentState, after: ShipmentState) -> tuple[tuple[Account, Reason], ...]:
    """The ledger moves of a parcel's units for a change of its state, in order."""
    origin, goal = ACCOUNT_OF[before], ACCOUNT_OF[after]
    return () if origin == goal else _STEPS[origin, goal]
