"""The numbers of the reports, computed from frames: pandas in, plain values out, no database."""

from reports.documents import KeyStep

# In order; `reports.metrics.keys` says what they count.
STEPS: tuple[KeyStep, ...] = ("claimed", "shipped", "delivered", "redeemed")
# The country of a claim that names none; ISO 3166 leaves ZZ to its users.
UNKNOWN_COUNTRY = "ZZ"
