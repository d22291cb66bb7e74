"""A stand-in for Stripe: speaks its HTTP, keeps its own ledger, serves a small page to pay on."""
