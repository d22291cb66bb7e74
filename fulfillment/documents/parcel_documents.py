"""The contents of parcel documents, as input for rendering."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fulfillment.shipments.carrier_values import Customs, Party


class Sheet(StrEnum):
    """The paper size: a label printer's 4 × 6 inches, or a sheet with the label above the slip."""

    LABEL = "4x6"
    A4 = "a4"
    LETTER = "letter"


@dataclass(frozen=True)
class Slip:
    """The sheet in the parcel with the keys.

    It shows no name and no address, so it does not identify the recipient. `phrase` is the one that the
    recipient chose as proof of origin, or empty; `link` leads to the claim's page.
    """

    parcel: str
    claim: str
    campaign: str
    items: Sequence[tuple[int, str]]
    seal_number: str
    phrase: str
    link: str


@dataclass(frozen=True)
class ReturnNote:
    """Instructions for a return, and a strip to put into the parcel.

    Like a slip it shows no name and no address. `until` is the last day, as text.
    """

    parcel: str
    carrier: str
    until: str
    items: Sequence[tuple[int, str]]
    link: str


@dataclass(frozen=True, repr=False)
class Declaration:
    """A customs declaration, for the outside of parcels whose customs data the carrier did not accept."""

    number: str
    date: str
    sender: Party
    to: Party
    customs: Customs
    is_return: bool = False

    def __repr__(self) -> str:
        return f"Declaration({self.number!r})"


@dataclass(frozen=True)
class DocumentSet:
    """All documents of one parcel or of its return. The label is the file as bought: PNG, PDF or ZPL."""

    slip: Slip | ReturnNote
    label: bytes = field(default=b"", repr=False)
    declaration: Declaration | None = None


# The scripts of the bundled fonts. Any other script would print blank.
_DRAWN = ("LATIN ", "GREEK ", "CYRILLIC ", "MODIFIER LETTER ", "FEMININE ORDINAL", "MASCULINE ORDINAL")


def is_printable(text: str) -> bool:
    """Whether the bundled fonts can print every character of a text."""
    return all(_is_drawn(character) for character in text)


def _is_drawn(character: str) -> bool:
    if character.isalpha():
        return unicodedata.name(character, "").startswith(_DRAWN)
    # Digits and symbols of the Western blocks and general punctuation; no emoji, no marks of other scripts.
    return ord(character) < 0x0370 or 0x2010 <= ord(character) <= 0x203A or character == "€"
