"""Customs data of a parcel."""

import re
from collections import Counter
from collections.abc import Sequence

from fulfillment.postage.rules.packaging import Content
from fulfillment.shipments.carrier_values import CustomsLine

# Accurate but unattractive: everybody who handles the parcel can read it.
DESCRIPTION = "USB hardware authentication device"
# Above this value for one HS code, an export from the US must be filed in advance (15 CFR § 30.37(a)).
FILING_ABOVE_CENTS = 250_000
# Exemptions: lower values, and everything to Canada (15 CFR § 30.36).
LOW_VALUE, TO_CANADA = "NOEEI 30.37(a)", "NOEEI 30.36"
# Internal transaction number of the Automated Export System: X, the date, six digits.
_FILING_NUMBER = re.compile(r"X[0-9]{14}", re.ASCII)


def customs_lines(contents: Sequence[Content]) -> tuple[CustomsLine, ...]:
    """One line for each key model; value and weight are of the line, not the piece, and never 0.

    A free key is declared at its fair value. A declaration has one currency; several are an error
    in the catalog.
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
                description=DESCRIPTION,
                quantity=quantity,
                value_cents=content.value_cents * quantity,
                weight_g=content.weight_g * quantity,
                hs_code=content.hs_code,
                origin_country=content.origin_country,
                currency=content.currency,
                code=sku,
                eccn=content.eccn,
            )
        )
    return tuple(lines)


def needs_export_filing(lines: Sequence[CustomsLine]) -> bool:
    """Whether the value of an HS code exceeds the limit of the exemption."""
    by_code: Counter[str] = Counter()
    for line in lines:
        by_code[line.hs_code] += line.value_cents
    return any(value > FILING_ABOVE_CENTS for value in by_code.values())


def is_filing_number(text: str) -> bool:
    """Whether this is a valid export filing number (ITN)."""
    return _FILING_NUMBER.fullmatch(text) is not None


def exemption(
    lines: Sequence[CustomsLine], *, from_country: str, to_country: str, filing: str = ""
) -> str | None:
    """The exemption or filing number on the declaration; empty where the US requires neither.

    Args:    filing: the ITN, if the export was filed.
    Returns: None when a filing is required and missing.
    """
    if from_country != "US":
        return ""
    if filing:
        return f"AES {filing}"
    if to_country == "CA":
        return TO_CANADA
    return None if needs_export_filing(lines) else LOW_VALUE
