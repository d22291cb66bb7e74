"""Seal numbers of parcels, assigned before the slip that shows them is printed."""

import secrets
from collections.abc import Iterable

from django.db import connection

from common.public_ids import ALPHABET
from fulfillment.shipments.models import Shipment

LENGTH = 8  # 40 random bits: a forger cannot guess a number in use among a million parcels.

# One statement for any number of parcels. When two people print a slip at the same time, the first number
# is kept, because it may be printed already.
_ASSIGN = """
    UPDATE shipping_shipment AS parcel SET seal_number = given.number
    FROM unnest(%s::bigint[], %s::text[]) AS given (id, number)
    WHERE parcel.id = given.id AND parcel.seal_number = ''
    RETURNING parcel.id
"""


def assign_seals(parcels: Iterable[Shipment]) -> None:
    """Assign a seal number to each parcel that has none."""
    bare = {parcel.pk: parcel for parcel in parcels if not parcel.seal_number}
    if not bare:
        return
    for pk in sorted(bare):
        bare[pk].seal_number = f"T-{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH))}"
    with connection.cursor() as cursor:
        cursor.execute(_ASSIGN, [sorted(bare), [bare[pk].seal_number for pk in sorted(bare)]])
        mine = {pk for (pk,) in cursor.fetchall()}
    theirs = Shipment.objects.filter(pk__in=bare.keys() - mine).values_list("pk", "seal_number")
    for pk, number in theirs if len(mine) < len(bare) else ():
        bare[pk].seal_number = number
