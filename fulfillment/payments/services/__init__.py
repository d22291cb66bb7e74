"""Services of payments, by subject."""
