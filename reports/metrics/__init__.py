"""Metrics of the reports, computed from frames: pandas in, plain values out, no database."""

from reports.documents import KeyStep

# In order; defined in `reports.metrics.redeemed_keys`.
STEPS: tuple[KeyStep, ...] = ("claimed", "shipped", "delivered", "redeemed")
# Country of a claim without one; ISO 3166 reserves ZZ for user assignment.
UNKNOWN_COUNTRY = "ZZ"
