"""Pure rules of claims: states, the keys a claim asks for, quotes and price lists."""

from fulfillment.claims.rules.items import WantedItem, check_items, compete_for_keys
from fulfillment.claims.rules.states import (
    ARRIVING_STATES,
    CANCELLABLE_STATES,
    EXPIRING_STATES,
    HOLDING_STATES,
    LIVE_STATES,
    TRANSITIONS,
    ClaimState,
)

__all__ = [
    "ARRIVING_STATES",
    "CANCELLABLE_STATES",
    "EXPIRING_STATES",
    "HOLDING_STATES",
    "LIVE_STATES",
    "TRANSITIONS",
    "ClaimState",
    "WantedItem",
    "check_items",
    "compete_for_keys",
]
