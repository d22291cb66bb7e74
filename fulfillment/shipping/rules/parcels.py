"""What is in a parcel: its weight and size, and the lines of its customs declaration."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.shipping.gateways.base import CustomsLine, Parcel

# A padded envelope of size 000: 4 × 8 inches, 11 g empty; the letter inside weighs 5 g.
ENVELOPE_LENGTH_MM, ENVELOPE_WIDTH_MM, ENVELOPE_PADDING_MM = 204, 102, 8
PACKING_G = 16
# Above this value of one HS code, an export from the US must be filed beforehand (15 CFR § 30.37(a)).
FILING_ABOVE_CENTS = 250_000


@dataclass(frozen=True)
class Content:
    """One key in a parcel, with what carriers and customs ask about it."""

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


def parcel_for(contents: Sequence[Content]) -> Parcel:
    """The keys one on the other in a padded envelope."""
    assert contents, "a parcel holds something"
    assert all(content.weight_g > 0 for content in contents), "a key weighs something"
    return Parcel(
        weight_g=sum(content.weight_g for content in contents) + PACKING_G,
        length_mm=max(ENVELOPE_LENGTH_MM, *(content.length_mm for content in contents)),
        width_mm=max(ENVELOPE_WIDTH_MM, *(content.width_mm for content in contents)),
        height_mm=sum(content.height_mm for content in contents) + ENVELOPE_PADDING_MM,
    )


def customs_lines(contents: Sequence[Content]) -> tuple[CustomsLine, ...]:
    """One line per key model: value and weight are the line's, not the piece's, and never 0.

    A key given away still has its fair value. One currency per declaration, so mixing them is a mistake
    in the catalogue.
    """
    assert len({content.currency for content in contents}) == 1, "a declaration has one currency"
    quantities = Counter(content.sku for content in contents)
    by_sku = {content.sku: content for content in contents}
    lines = []
    for sku, quantity in sorted(quantities.items()):
        content = by_sku[sku]
        assert content.value_cents > 0, "customs take nothing for worth nothing"
        lines.append(
            CustomsLine(
                description=content.description,
                quantity=quantity,
                value_cents=content.value_cents * quantity,
                weight_g=content.weight_g * quantity,
                hs_code=content.hs_code,
                origin_country=content.origin_country,
                currency=content.currency,
                code=sku,
            )
        )
    return tuple(lines)


def needs_export_filing(lines: Sequence[CustomsLine]) -> bool:
    """Whether one HS code's value takes the parcel out of the exemption it is declared under."""
    by_code: Counter[str] = Counter()
    for line in lines:
        by_code[line.hs_code] += line.value_cents
    return any(value > FILING_ABOVE_CENTS for value in by_code.values())
