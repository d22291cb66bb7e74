"""The numbers of the reports, computed from frames: pandas in, plain values out, no database."""

# The steps of a key, in order, as every report names them; `reports.metrics.keys` says what they count.
STEPS = ("claimed", "shipped", "delivered", "redeemed")
# The country of a claim that names none; ISO 3166 leaves ZZ to its users.
UNKNOWN_COUNTRY = "ZZ"
