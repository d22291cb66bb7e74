"""Names of jobs in the rooms above this one, which claims defer by name and may not import."""

# Makes a parcel of an accepted claim.
SHIP_CLAIM = "shipping.ship_claim"
# Stops the parcels of a claim on hold.
STOP_PARCELS = "shipping.stop_parcels"
# Brings the money of a claim in line with its state.
SETTLE_CLAIM = "payments.settle_claim"
# Refunds what was paid for keys that will not arrive.
REFUND_UNDELIVERABLE = "payments.refund_undeliverable"
