"""The numbers of the seals on parcels: given before the slip is printed, for the slip names it."""

import secrets
from collections.abc import Iterable

from config.codes import ALPHABET
from fulfillment.shipping.models import Shipment

LENGTH = 8  # 40 random bits: none of a million parcels' numbers can be guessed for a forged parcel.


def assign_seals(parcels: Iterable[Shipment]) -> None:
    """Give parcels without a seal number one, and keep it."""
    bare = [parcel for parcel in parcels if not parcel.seal_number]
    for parcel in bare:
        parcel.seal_number = f"T-{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH))}"
    Shipment.objects.bulk_update(bare, ["seal_number"])
