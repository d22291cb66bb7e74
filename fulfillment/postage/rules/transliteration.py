"""Letters that carriers can print: Western ones. Others of the Latin script are written as people do without.

EasyPost refuses what a carrier cannot print only at the purchase (SHIPMENT.POSTAGE.ASCII), and most carriers
print Latin-1 at best. A name in another script has its Latin twin in the address; this is about Łukasz and
Ōtemachi, whose letters are Latin and still not on every printer.
"""

import unicodedata
from dataclasses import fields, replace

from fulfillment.vault.addresses import PostalAddress

# Letters that are no letter with a mark. The rest come apart by themselves.
_SPELT = str.maketrans(
    {
        "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "ı": "i", "Œ": "OE", "œ": "oe",
        "Ŋ": "N", "ŋ": "n", "ẞ": "SS", "Ŧ": "T", "ŧ": "t", "ĸ": "k", "ŉ": "'n", "Ə": "E", "ə": "e",
        "ʻ": "'", "ʼ": "'", "ʽ": "'", "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"',
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "№": "No.", " ": " ",
    }
)  # fmt: skip


def printable(text: str) -> str:
    """The text in letters of Latin-1; what cannot be written so stays, for the carrier to refuse."""
    return "".join(_printable(character) for character in text.translate(_SPELT))


def _printable(character: str) -> str:
    if ord(character) < 0x100:
        return character
    plain = unicodedata.normalize("NFKD", character)
    bare = "".join(part for part in plain if not unicodedata.combining(part))
    return bare if bare and all(ord(part) < 0x100 for part in bare) else character


def for_carriers(address: PostalAddress) -> PostalAddress:
    """The address as it goes to carriers: its Latin parts, in letters that they print."""
    latin = address.for_label()
    return replace(latin, **{part.name: printable(getattr(latin, part.name)) for part in fields(latin)})
