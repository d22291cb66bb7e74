"""The steps of a key, in order, as every report names them; `reports.metrics.keys` says what they count."""

STEPS = ("claimed", "shipped", "delivered", "redeemed")
# A country that no claim tells; ISO 3166 leaves ZZ to its users.
UNKNOWN_COUNTRY = "ZZ"
