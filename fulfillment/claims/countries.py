"""Countries: their codes, and their names in the reader's language."""

from roster.localization import localized_country_name
from roster.rules import COUNTRIES

__all__ = ["is_country", "localized_country_name"]


def is_country(code: str) -> bool:
    """Whether this is a country code of ISO 3166-1 (or XK)."""
    return code in COUNTRIES
