"""How long a parcel may be without news before it is overdue (I10)."""

from collections.abc import Mapping
from datetime import timedelta

from fulfillment.shipments.rules.states import ShipmentState

# To be labelled: minutes, normally. Labelled: to be packed and scanned by the carrier within the week; its
# label can be refunded for four. On its way back: abroad by sea that takes a month and more.
_QUIET: Mapping[ShipmentState, timedelta] = {
    ShipmentState.PLANNED: timedelta(days=3),
    ShipmentState.LABELLED: timedelta(days=7),
    ShipmentState.RETURNING: timedelta(days=45),
}
_BEYOND_THE_PROMISE = timedelta(days=14)
WATCHED_STATES = frozenset({*_QUIET, ShipmentState.IN_TRANSIT})


def quiet_for(state: ShipmentState, *, promised_days: int) -> timedelta:
    """How long a parcel in this state may go without an event.

    Args: promised_days: from hand-over to the door.
    """
    if state == ShipmentState.IN_TRANSIT:
        return timedelta(days=promised_days) + _BEYOND_THE_PROMISE
    return _QUIET[state]


# The shortest of all: nothing younger needs to be looked at.
SHORTEST = min(_QUIET.values())
# An accepted claim that never became a parcel: the sweep makes one within minutes.
UNSHIPPED_FOR = timedelta(days=3)
# The look is daily; the invariant gives it that day.
GRACE = timedelta(days=2)
