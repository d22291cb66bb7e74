"""Names of jobs in apps that depend on this one; claims defers them by name and must not import them."""

# Creates the parcel of an accepted claim.
SHIP_CLAIM = "shipping.ship_claim"
# Stops the parcels of a claim on hold.
STOP_PARCELS = "shipping.stop_parcels"
# Brings the payments of a claim in line with its state.
SETTLE_CLAIM = "payments.settle_claim"
# Refunds what was paid for keys that will not arrive.
REFUND_UNDELIVERABLE = "payments.refund_undeliverable"
