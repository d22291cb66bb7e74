"""A stand-in for Stripe: its HTTP API, a ledger of its own and a checkout page."""
