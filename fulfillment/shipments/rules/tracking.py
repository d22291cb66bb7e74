"""The meaning of a carrier's tracking status, and whether it changes anything."""

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
    # The tracker itself has failed, which says nothing of the parcel.
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
# Details that need a person, and what the maintainer is told.
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
class Meaning:
    """Where the carrier's word puts the parcel (None: where it is), the case it makes, what to tell."""

    state: ShipmentState | None
    case: CaseReason | None = None
    problem: str = ""


def read_status(status: str, detail: str) -> Meaning:
    """Read one status of a tracker with its detail, which may be empty."""
    state = _STATES.get(status)
    if detail == "lost" and status in ("failure", "in_transit"):
        meaning = Meaning(_T.LOST, CaseReason.LOST, _LOST)
    elif state == _T.RETURNING:
        meaning = Meaning(state, CaseReason.RETURNED, _COMING_BACK)
    elif status in ("failure", "cancelled"):
        meaning = Meaning(None, CaseReason.DELIVERY_PROBLEM, _PROBLEMS.get(detail, _CANNOT_DELIVER))
    elif state != _T.DELIVERED and detail in _PROBLEMS:
        meaning = Meaning(state, CaseReason.DELIVERY_PROBLEM, _PROBLEMS[detail])
    elif status not in _STATES or (detail and detail not in _DETAILS):
        meaning = Meaning(state, CaseReason.UNKNOWN_STATUS)
    else:
        meaning = Meaning(state)
    return meaning


@dataclass(frozen=True)
class Word:
    """What a carrier said and when the vendor said so."""

    status: str
    said_at: datetime


class Weight(Enum):
    """How much a word counts against what is known."""

    STALE = auto()  # older than the newest that counted: recorded, changes nothing
    DOUBTFUL = auto()  # made at the same moment as another, or takes something back: ask the vendor
    COUNTS = auto()


def weigh(word: Word, *, newest: Word | None, current: ShipmentState, detail: str = "") -> Weight:
    """Weigh a word. Order is the vendor's `created_at`; nothing promises that events arrive in it.

    Args: newest: the last one that counted.
    """
    if newest is not None and word.said_at < newest.said_at:
        return Weight.STALE
    if newest is not None and word.said_at == newest.said_at and word.status != newest.status:
        return Weight.DOUBTFUL
    state = read_status(word.status, detail).state
    if current in (_T.DELIVERED, _T.LOST) and state not in (None, current):
        return Weight.DOUBTFUL
    return Weight.COUNTS


@dataclass(frozen=True)
class Change:
    """What becomes of a parcel: its new state (None: unchanged), whether the word counts, and the case."""

    state: ShipmentState | None
    counts: bool
    case: CaseReason | None = None
    problem: str = ""


def tracking_change(current: ShipmentState, meaning: Meaning) -> Change:
    """What a word that is not stale does to a parcel in this state.

    Carriers take back a delivery or a loss, and that is applied. A parcel once on its way back is not put
    on its way out again by a scan: "delivered" then mostly means delivered to us, so a person decides. A
    parcel that was never to be sent is not moved either.
    """
    target = meaning.state
    if current == _T.BACK:
        return Change(None, counts=False)
    if target == current:
        # Said again, so a case that was made when it was first said, and closed since, stays closed.
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
    """What a word about a return label does: its first scan puts the parcel on its way back to us.

    "Delivered" then means our door, where somebody has yet to scan it in; till then it is a case.
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
        # The carrier takes it to the maintainer again, who could not have meant that.
        return Change(None, counts=True, case=CaseReason.DELIVERY_PROBLEM)
    is_moving = meaning.state is not None and current != _T.RETURNING
    case = CaseReason.RETURNED if meaning.state == _T.DELIVERED else meaning.case
    return Change(_T.RETURNING if is_moving else None, counts=True, case=case, problem=meaning.problem)


def placed_by(status: str, detail: str, *, is_return: bool) -> ShipmentState | None:
    """Where a word that counts puts a parcel; None: where it is."""
    state = read_status(status, detail).state
    if not is_return or state in (None, _T.LOST):
        return state
    return None if state == _T.RETURNING else _T.RETURNING


def is_scan(status: str) -> bool:
    """Whether this word means that the carrier has the parcel, so that its label is used."""
    return status not in ("unknown", "pre_transit", "cancelled", "error")


# Where the units of a parcel in this state stand. On the way back they are still with the carrier: only
# a scan at our own door makes them returned.
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
    # The first scan was missed: the ledger still shows that the carrier had it.
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
    """The ledger's moves of a parcel's units when the parcel goes from one state to another, in order."""
    origin, goal = ACCOUNT_OF[before], ACCOUNT_OF[after]
    return () if origin == goal else _STEPS[origin, goal]
