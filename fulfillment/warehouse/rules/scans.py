"""Scanned codes at the packing table: what each is, and what to scan next."""

import re
from collections.abc import Sequence
from enum import Enum, auto

from inventory.rules import SERIAL_PATTERN

_PARCEL = re.compile(r"S-[0-9A-HJKMNP-TV-Z]{12}", re.ASCII)
_SEAL = re.compile(r"T-[0-9A-HJKMNP-TV-Z]{8}", re.ASCII)
_OTHERS = re.compile(r"[CKPM]-[0-9A-HJKMNP-TV-Z]{12}", re.ASCII)
_SERIAL = re.compile(SERIAL_PATTERN, re.ASCII)
_LABEL = re.compile(r"[A-Z0-9]{8,40}", re.ASCII)
# The bar code of a USPS label is 420, the ZIP code of 5 or 9 digits, and then what is printed below it.
_POSTAL_ROUTE = re.compile(r"420(?:[0-9]{5}|[0-9]{9})(9[0-9]{19,25})", re.ASCII)
# Scanners may send group separators and line ends along.
_NOT_PRINTED = re.compile(r"[\x00-\x20\x7f]")


class Thing(Enum):
    """What was scanned, by its looks."""

    PARCEL = auto()  # our own code, from the slip
    LABEL = auto()  # a carrier's tracking code
    SEAL = auto()
    KEY = auto()
    OTHER = auto()


def clean_scan(scanned: str) -> str:
    """A scanned text in the form we keep such things in: no control characters, upper case."""
    return _NOT_PRINTED.sub("", scanned[:200]).upper()


def label_code(scanned: str) -> str:
    """The tracking code within what a scanner reads from a label."""
    clean = clean_scan(scanned)
    route = _POSTAL_ROUTE.fullmatch(clean)
    return route.group(1) if route else clean


def thing_of(scanned: str) -> Thing:
    """What a cleaned scan looks like. Serials may look like tracking codes; the caller knows which is due."""
    for pattern, thing in (
        (_PARCEL, Thing.PARCEL),
        (_SEAL, Thing.SEAL),
        (_OTHERS, Thing.OTHER),
        (_LABEL, Thing.LABEL),
        (_SERIAL, Thing.KEY),
    ):
        if pattern.fullmatch(scanned):
            return thing
    return Thing.OTHER


def is_seal(number: str) -> bool:
    """Whether this can be the number of a seal: ours, or one of a printed roll."""
    return re.fullmatch(r"[A-Z0-9-]{4,20}", number, re.ASCII) is not None


def next_packing_step(*, packed: int, of: int, is_sealed: bool = False) -> str:
    """What is due with a parcel."""
    if is_sealed:
        return "hand_over"
    return "seal" if packed == of else "pack"


def still_missing(models: Sequence[str]) -> list[str]:
    """Key models as a sentence needs them: each once, with its number."""
    return [f"{models.count(sku)} × {sku}" for sku in sorted(set(models))]
