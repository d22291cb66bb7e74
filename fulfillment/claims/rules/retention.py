"""Retention periods: how long addresses and households are kept after what they were needed for."""

from datetime import timedelta

# An address that was typed into a draft which was never submitted.
KEEP_DRAFT_FOR = timedelta(days=14)
# An address after delivery, for a parcel that has not arrived after all.
KEEP_ADDRESS_FOR = timedelta(days=90)
# The address of a claim that expired while a payment was under way: if the payment still succeeds, the claim
# is fulfilled.
KEEP_UNPAID_ADDRESS_FOR = timedelta(days=30)
# Household hashes after their campaign closes: by then its appeals and returns are over, and households need
# not be compared any more.
KEEP_HOUSEHOLDS_FOR = timedelta(days=90)
