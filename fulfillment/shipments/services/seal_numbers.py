"""The numbers of the seals on parcels: given before the slip is printed, for the slip names it."""

import secrets
from collections.abc import Iterable

from django.db import connection

from common.public_ids import ALPHABET
from fulfillment.shipments.models import Shipment

LENGTH = 8  # 40 random bits: none of a million parcels' numbers can be guessed for a forged parcel.

# One statement for any number of parcels. Printed twice at once, a parcel keeps the number it got first,
# which may lie in a printer already.
_ASSIGN = """
    UPDATE shipping_shipment AS parcel SET seal_number = given.number
    FROM unnest(%s::bigint[], %s::text[]) AS given (id, number)
    WHERE parcel.id = given.id AND parcel.seal_number = ''
    RETURNING parcel.id
"""


def assign_seals(parcels: Iterable[Shipment]) -> None:
    """Give parcels without a seal number one, and keep it."""
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
