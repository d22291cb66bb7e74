"""Transliteration of Latin letters that carriers cannot print.

EasyPost refuses unprintable text only at the purchase (SHIPMENT.POSTAGE.ASCII), and most carriers print
Latin-1 at best. Names in other scripts have a Latin form in the address; this is for Łukasz and Ōtemachi,
whose letters are Latin but outside Latin-1.
"""

import unicodedata
from dataclasses import fields, replace

from fulfillment.vault.addresses import PostalAddress

# Letters that do not decompose into a base letter and a mark.
_SPELT = str.maketrans(
    {
        "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "ı": "i", "Œ": "OE", "œ": "oe",
        "Ŋ": "N", "ŋ": "n", "ẞ": "SS", "Ŧ": "T", "ŧ": "t", "ĸ": "k", "ŉ": "'n", "Ə": "E", "ə": "e",
        "ʻ": "'", "ʼ": "'", "ʽ": "'", "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"',
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "№": "No.", " ": " ",
    }
)  # fmt: skip


def printable(text: str) -> str:
    """The text in Latin-1; characters that cannot be converted stay, and the carrier refuses them."""
    return "".join(_printable(character) for character in text.translate(_SPELT))


def _printable(character: str) -> str:
    if ord(character) < 0x100:
        return character
    plain = unicodedata.normalize("NFKD", character)
    bare = "".join(part for part in plain if not unicodedata.combining(part))
    return bare if bare and all(ord(part) < 0x100 for part in bare) else character


def for_carriers(address: PostalAddress) -> PostalAddress:
    """The address as sent to carriers: its Latin parts, transliterated."""
    latin = address.for_label()
    return replace(latin, **{part.name: printable(getattr(latin, part.name)) for part in fields(latin)})
