"""The contents of parcel documents, before they are drawn."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fulfillment.shipments.carrier_values import Customs, Party


class Sheet(StrEnum):
    """What is printed on: a label printer's 4 × 6 inches, or a sheet with the label above the slip."""

    LABEL = "4x6"
    A4 = "a4"
    LETTER = "letter"


@dataclass(frozen=True)
class Slip:
    """What lies in the parcel with the keys.

    It bears no name and no address: whoever finds it learns nothing of the recipient. `phrase` is the one
    that the recipient chose against forgeries, empty for none; `link` leads to their page.
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
    """What goes with a return label: how to send the keys back, and a strip to put in with them.

    Like a slip it bears no name and no address. `until` is the last day, in words.
    """

    parcel: str
    carrier: str
    until: str
    items: Sequence[tuple[int, str]]
    link: str


@dataclass(frozen=True, repr=False)
class Declaration:
    """What customs are told, as it goes on the outside of a parcel whose data a carrier did not take."""

    number: str
    date: str
    sender: Party
    to: Party
    customs: Customs
    is_return: bool = False

    def __repr__(self) -> str:
        return f"Declaration({self.number!r})"


@dataclass(frozen=True)
class Papers:
    """All papers of one parcel, or of its return. The label is the file as bought: PNG, PDF or ZPL."""

    slip: Slip | ReturnNote
    label: bytes = field(default=b"", repr=False)
    declaration: Declaration | None = None


# The scripts that the fonts we carry can draw. Nothing else may be asked of them: it would come out blank.
_DRAWN = ("LATIN ", "GREEK ", "CYRILLIC ", "MODIFIER LETTER ", "FEMININE ORDINAL", "MASCULINE ORDINAL")


def can_be_drawn(text: str) -> bool:
    """Whether every letter of a text is of a script that our papers can show."""
    return all(_is_drawn(character) for character in text)


def _is_drawn(character: str) -> bool:
    if character.isalpha():
        return unicodedata.name(character, "").startswith(_DRAWN)
    # Digits and signs of the Western blocks and general punctuation; no emoji, no marks of other scripts.
    return ord(character) < 0x0370 or 0x2010 <= ord(character) <= 0x203A or character == "€"
