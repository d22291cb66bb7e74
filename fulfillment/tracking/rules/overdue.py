"""How long a parcel may go without an update before it is overdue (I10)."""

from collections.abc import Mapping
from datetime import timedelta

from fulfillment.shipments.rules.states import ShipmentState

# Planned: a label normally takes minutes. Labelled: packed and scanned by the carrier within a week; the
# label is refundable for four. Returning: from abroad by sea takes more than a month.
_QUIET: Mapping[ShipmentState, timedelta] = {
    ShipmentState.PLANNED: timedelta(days=3),
    ShipmentState.LABELLED: timedelta(days=7),
    ShipmentState.RETURNING: timedelta(days=45),
}
_BEYOND_THE_PROMISE = timedelta(days=14)
WATCHED_STATES = frozenset({*_QUIET, ShipmentState.IN_TRANSIT})


def silence_limit(state: ShipmentState, *, promised_days: int) -> timedelta:
    """How long a parcel in this state may go without an update.

    Args: promised_days: from hand-over to delivery.
    """
    if state == ShipmentState.IN_TRANSIT:
        return timedelta(days=promised_days) + _BEYOND_THE_PROMISE
    return _QUIET[state]


# The shortest limit: newer parcels need no check.
SHORTEST = min(_QUIET.values())
# For accepted claims without a parcel: the job for stalled work creates one within minutes.
UNSHIPPED_FOR = timedelta(days=3)
# Overdue parcels are looked for once a day; the invariant allows for that day.
GRACE = timedelta(days=2)
