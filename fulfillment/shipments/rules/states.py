"""States of a parcel and of a label purchase, and the allowed transitions."""

from collections.abc import Mapping

from common.choices import Choices


class ShipmentState(Choices):
    PLANNED = "planned", "to be labelled"
    LABELLED = "labelled", "label bought, to be handed over"
    IN_TRANSIT = "in_transit", "with the carrier"
    DELIVERED = "delivered", "delivered"
    RETURNING = "returning", "on its way back"
    LOST = "lost", "lost by the carrier"
    BACK = "back", "back with us"
    CANCELLED = "cancelled", "not sent"


_T = ShipmentState

# The FSM trigger of Shipment rejects every other transition.
SHIPMENT_TRANSITIONS: Mapping[ShipmentState, frozenset[ShipmentState]] = {
    _T.PLANNED: frozenset({_T.LABELLED, _T.CANCELLED}),
    _T.LABELLED: frozenset({_T.IN_TRANSIT, _T.DELIVERED, _T.RETURNING, _T.LOST, _T.CANCELLED}),
    _T.IN_TRANSIT: frozenset({_T.DELIVERED, _T.RETURNING, _T.LOST, _T.BACK}),
    # "Delivered" says the carrier, "not to me" says the maintainer.
    _T.DELIVERED: frozenset({_T.IN_TRANSIT, _T.RETURNING, _T.LOST, _T.BACK}),
    _T.RETURNING: frozenset({_T.IN_TRANSIT, _T.DELIVERED, _T.LOST, _T.BACK}),
    _T.LOST: frozenset({_T.IN_TRANSIT, _T.DELIVERED, _T.RETURNING, _T.BACK}),
    # Scanned in at our warehouse: later tracking updates do not change that.
    _T.BACK: frozenset(),
    _T.CANCELLED: frozenset(),
}
# Labelled or with the carrier: tracking updates are expected.
UNDER_WAY_STATES = frozenset({_T.LABELLED, _T.IN_TRANSIT, _T.RETURNING})

# Parcels that have left and can be returned to us.
OUT_STATES = frozenset({_T.IN_TRANSIT, _T.DELIVERED, _T.RETURNING, _T.LOST})
# The keys may be with someone who could send them back.
RETURNABLE_STATES = frozenset({_T.IN_TRANSIT, _T.DELIVERED, _T.LOST})


class PurchaseState(Choices):
    PLANNED = "planned", "to be created at the vendor"
    CREATED = "created", "the vendor's shipment is known, rate chosen"
    BUYING = "buying", "purchase outcome unknown, checking"
    BOUGHT = "bought", "bought"
    FAILED = "failed", "refused by the vendor"
    RETIRED = "retired", "abandoned, not bought"
    REFUND_REQUESTED = "refund_requested", "refund requested"
    REFUNDED = "refunded", "refunded"
    WRITTEN_OFF = "written_off", "destroyed unused, postage lost"
    NEEDS_OPERATOR = "needs_operator", "purchase outcome unknown, needs manual check"


_P = PurchaseState

PURCHASE_TRANSITIONS: Mapping[PurchaseState, frozenset[PurchaseState]] = {
    _P.PLANNED: frozenset({_P.CREATED, _P.FAILED, _P.RETIRED}),
    _P.CREATED: frozenset({_P.CREATED, _P.BUYING, _P.FAILED, _P.RETIRED}),
    _P.BUYING: frozenset({_P.BUYING, _P.CREATED, _P.BOUGHT, _P.FAILED, _P.NEEDS_OPERATOR}),
    _P.NEEDS_OPERATOR: frozenset({_P.BUYING, _P.BOUGHT, _P.FAILED, _P.RETIRED}),
    _P.BOUGHT: frozenset({_P.REFUND_REQUESTED, _P.WRITTEN_OFF}),
    _P.REFUND_REQUESTED: frozenset({_P.REFUND_REQUESTED, _P.REFUNDED, _P.BOUGHT}),
    _P.FAILED: frozenset(),
    _P.RETIRED: frozenset({_P.BOUGHT}),  # the audit found that it was bought after all
    _P.REFUNDED: frozenset(),
    _P.WRITTEN_OFF: frozenset(),
}
# A shipment has at most one purchase in any other state (I5).
DEAD_PURCHASE_STATES = frozenset({_P.FAILED, _P.RETIRED, _P.REFUNDED, _P.WRITTEN_OFF})
# The label is valid and can be used. A requested refund may still be refused.
LABEL_STATES = frozenset({_P.BOUGHT, _P.REFUND_REQUESTED})
# No call that could cost money has been made.
UNBOUGHT_STATES = frozenset({_P.PLANNED, _P.CREATED})
