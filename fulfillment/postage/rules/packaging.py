"""Packaging: a parcel's weight and size, from its contents."""

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.shipments.carrier_values import Parcel


@dataclass(frozen=True)
class Content:
    """One key in a parcel, with its data for carriers and customs."""

    sku: str
    description: str
    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int
    hs_code: str
    origin_country: str
    value_cents: int
    currency: str
    eccn: str = ""


@dataclass(frozen=True)
class Packaging:
    """An envelope or box: outer measures, total wall thickness, and weight.

    `height_mm` is None when it takes the height of its contents.
    """

    name: str
    length_mm: int
    width_mm: int
    height_mm: int | None
    walls_mm: int
    weight_g: int
    most_keys: int


# The letter inside: one sheet.
SLIP_G = 5
# Smallest first. A padded envelope of size 000 is 4 × 8 inches and weighs 11 g empty; the boxes are 200 and
# 300 g/m² board. All are plain, so that they do not show what is inside.
PACKAGINGS = (
    Packaging("padded envelope", 204, 102, None, 8, 11, 4),
    Packaging("small box", 230, 160, 55, 6, 70, 20),
    Packaging("box", 320, 240, 110, 6, 190, 120),
)


class TooMuch(ValueError):
    """Raised for more keys than the largest packaging holds."""


def packaging_for(contents: Sequence[Content]) -> Packaging:
    """The smallest packaging that holds the keys. Raises: TooMuch."""
    assert contents, "a parcel holds something"
    for packaging in PACKAGINGS:
        longest = max(content.length_mm for content in contents)
        widest = max(content.width_mm for content in contents)
        fits = (
            longest + packaging.walls_mm <= packaging.length_mm
            and widest + packaging.walls_mm <= packaging.width_mm
        )
        if fits and len(contents) <= packaging.most_keys:
            return packaging
    raise TooMuch(f"{len(contents)} keys do not fit into one parcel")


def parcel_for(contents: Sequence[Content]) -> Parcel:
    """Weight and size of the keys, stacked in an envelope or in a box."""
    assert all(content.weight_g > 0 for content in contents), "a key weighs something"
    packaging = packaging_for(contents)
    stacked = sum(content.height_mm for content in contents) + packaging.walls_mm
    return Parcel(
        weight_g=sum(content.weight_g for content in contents) + packaging.weight_g + SLIP_G,
        length_mm=packaging.length_mm,
        width_mm=packaging.width_mm,
        height_mm=packaging.height_mm or stacked,
    )


def split(skus: Sequence[str], *, keys_per_parcel: int) -> list[list[int]]:
    """Split the keys of a claim into parcels where a country limits keys a parcel.

    Args:    skus: the key model of each key.
    Returns: the keys of each parcel, by index in `skus`; models are spread, so that a lost parcel does not
             take both keys of a pair.
    """
    assert keys_per_parcel >= 1, "a parcel holds a key"
    parcels = -(-len(skus) // keys_per_parcel)
    by_model = sorted(range(len(skus)), key=lambda place: (skus[place], place))
    return [sorted(by_model[number::parcels]) for number in range(parcels)]
